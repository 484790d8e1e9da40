-- The metadata. Identifiers are UUIDs, times are microseconds since the epoch, enums are their snake_case names.

CREATE TABLE domain (
    id          BLOB    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL UNIQUE,
    time_zone   TEXT    NOT NULL,
    locale      TEXT    NOT NULL,
    brand       TEXT    NOT NULL,
    mail_from   TEXT    NOT NULL,
    mail_audio  TEXT    NOT NULL,
    speech_lufs REAL,
    music_lufs  REAL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id         BLOB    NOT NULL PRIMARY KEY,
    hash       BLOB    NOT NULL UNIQUE,
    scope      TEXT    NOT NULL,
    domain_id  BLOB REFERENCES domain (id),
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE mailbox (
    id                      BLOB    NOT NULL PRIMARY KEY,
    domain_id               BLOB    NOT NULL REFERENCES domain (id),
    extension               TEXT    NOT NULL,
    name                    TEXT    NOT NULL,
    email_mode              TEXT    NOT NULL,
    recipients              TEXT    NOT NULL,
    after_email             TEXT    NOT NULL,
    transcribe              INTEGER NOT NULL,
    transcript_wait_seconds INTEGER NOT NULL,
    brief_seconds           INTEGER NOT NULL,
    quota_bytes             INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    UNIQUE (domain_id, extension)
) STRICT;

CREATE TABLE message (
    id               BLOB    NOT NULL PRIMARY KEY,
    domain_id        BLOB    NOT NULL REFERENCES domain (id),
    mailbox_id       BLOB    NOT NULL REFERENCES mailbox (id),
    core_id          TEXT    NOT NULL,
    folder           TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    failure          TEXT,
    caller_number    TEXT    NOT NULL,
    caller_name      TEXT    NOT NULL,
    received_at      INTEGER NOT NULL,
    duration_ms      INTEGER,
    brief_start_ms   INTEGER,
    brief_end_ms     INTEGER,
    truncated        INTEGER NOT NULL,
    waveform         BLOB    NOT NULL,
    phone_report     TEXT,
    transcript_state TEXT    NOT NULL,
    read_at          INTEGER,
    created_at       INTEGER NOT NULL,
    UNIQUE (mailbox_id, core_id)
) STRICT;

CREATE INDEX message_listing ON message (mailbox_id, folder, received_at, id);

-- One row a message; kept apart so that listings do not read every word ever said.
CREATE TABLE transcript (
    message_id BLOB    NOT NULL PRIMARY KEY REFERENCES message (id),
    body       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE prompt (
    id           BLOB    NOT NULL PRIMARY KEY,
    domain_id    BLOB    NOT NULL REFERENCES domain (id),
    mailbox_id   BLOB REFERENCES mailbox (id),
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    origin       TEXT    NOT NULL,
    script       TEXT,
    voice        TEXT,
    rate         REAL    NOT NULL,
    pauses       REAL    NOT NULL,
    version      INTEGER NOT NULL,
    state        TEXT    NOT NULL,
    failure      TEXT,
    duration_ms  INTEGER,
    phone_report TEXT,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX prompt_listing ON prompt (domain_id, kind, id);
CREATE INDEX prompt_script ON prompt (domain_id, kind, script);

-- How a domain wants its words said; the key is the word as a text is searched for it.
CREATE TABLE pronunciation (
    domain_id  BLOB    NOT NULL REFERENCES domain (id),
    key        TEXT    NOT NULL,
    word       TEXT    NOT NULL,
    said       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, key)
) STRICT;

-- Speech that was made, by the digest of all that decides how it sounds; what is asked for again is taken from here.
CREATE TABLE speech (
    domain_id  BLOB    NOT NULL REFERENCES domain (id),
    digest     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, digest)
) STRICT;

CREATE TABLE recording (
    id            BLOB    NOT NULL PRIMARY KEY,
    domain_id     BLOB    NOT NULL REFERENCES domain (id),
    call_id       TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    caller_number TEXT    NOT NULL,
    callee_number TEXT    NOT NULL,
    started_at    INTEGER NOT NULL,
    duration_ms   INTEGER,
    skew_ms       INTEGER,
    created_at    INTEGER NOT NULL,
    UNIQUE (domain_id, call_id)
) STRICT;

CREATE INDEX recording_listing ON recording (domain_id, started_at, id);

-- The bytes as they came: one row for a message's or prompt's version, one a leg of a recording.
CREATE TABLE original (
    owner_id   BLOB    NOT NULL,
    version    INTEGER NOT NULL,
    part       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    hint       TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, version, part)
) STRICT;

CREATE TABLE rendition (
    id           BLOB    NOT NULL PRIMARY KEY,
    owner_id     BLOB    NOT NULL,
    version      INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    format       TEXT    NOT NULL,
    content_type TEXT    NOT NULL,
    rate_hz      INTEGER NOT NULL,
    duration_ms  INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (owner_id, version, name)
) STRICT;

CREATE TABLE link (
    id         BLOB    NOT NULL PRIMARY KEY,
    domain_id  BLOB    NOT NULL REFERENCES domain (id),
    message_id BLOB    NOT NULL REFERENCES message (id),
    span       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE TABLE notice (
    id                  BLOB    NOT NULL PRIMARY KEY,
    domain_id           BLOB    NOT NULL REFERENCES domain (id),
    mailbox_id          BLOB    NOT NULL REFERENCES mailbox (id),
    message_id          BLOB    NOT NULL REFERENCES message (id),
    recipient           TEXT    NOT NULL,
    mode                TEXT    NOT NULL,
    state               TEXT    NOT NULL,
    link_id             BLOB REFERENCES link (id),
    internet_message_id TEXT,
    mail_key            TEXT,
    answer              TEXT,
    created_at          INTEGER NOT NULL,
    settled_at          INTEGER,
    UNIQUE (message_id, recipient)
) STRICT;
