-- Comparing store and database: keys are looked up and paged through, and what is found is remembered.

CREATE INDEX original_key ON original (key);
CREATE INDEX rendition_key ON rendition (key);
CREATE INDEX speech_key ON speech (key);
CREATE INDEX notice_mail_key ON notice (mail_key);

-- How far each way of comparing has come; counts are JSON.
CREATE TABLE store_pass (
    name        TEXT    NOT NULL PRIMARY KEY,
    place       TEXT    NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    counts      TEXT    NOT NULL,
    last_counts TEXT    NOT NULL
) STRICT;

-- Whose turn it is to compare, so that of many processes one does.
CREATE TABLE store_turn (
    name       TEXT    NOT NULL PRIMARY KEY,
    busy_until INTEGER NOT NULL
) STRICT;

-- Blobs that are not as their rows say.
CREATE TABLE store_fault (
    key      TEXT    NOT NULL,
    fault    TEXT    NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (key, fault)
) STRICT;
