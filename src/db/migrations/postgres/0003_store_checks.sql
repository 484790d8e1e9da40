-- Comparing store and database: keys are looked up and paged through, and what is found is remembered.

CREATE INDEX original_key ON original (key);
CREATE INDEX rendition_key ON rendition (key);
CREATE INDEX speech_key ON speech (key);
CREATE INDEX notice_mail_key ON notice (mail_key);

-- How far each way of comparing has come; counts are JSON.
CREATE TABLE store_pass (
    name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    place       TEXT COLLATE "C" NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    counts      TEXT COLLATE "C" NOT NULL,
    last_counts TEXT COLLATE "C" NOT NULL
);

-- Whose turn it is to compare, so that of many processes one does.
CREATE TABLE store_turn (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    busy_until BIGINT NOT NULL
);

-- Blobs that are not as their rows say.
CREATE TABLE store_fault (
    key      TEXT COLLATE "C" NOT NULL,
    fault    TEXT COLLATE "C" NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (key, fault)
);
