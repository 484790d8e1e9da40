-- The metadata. Identifiers are UUIDs, times are microseconds since the epoch, enums are their snake_case names.
-- Texts that rows are ordered by have the order of their bytes, as in SQLite, whatever the database's language.

CREATE TABLE domain (
    id          UUID             NOT NULL PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL UNIQUE,
    time_zone   TEXT             NOT NULL,
    locale      TEXT             NOT NULL,
    brand       TEXT             NOT NULL,
    mail_from   TEXT             NOT NULL,
    mail_audio  TEXT             NOT NULL,
    speech_lufs DOUBLE PRECISION,
    music_lufs  DOUBLE PRECISION,
    created_at  BIGINT           NOT NULL
);

CREATE TABLE api_key (
    id         UUID             NOT NULL PRIMARY KEY,
    hash       BYTEA            NOT NULL UNIQUE,
    scope      TEXT             NOT NULL,
    domain_id  UUID             REFERENCES domain (id),
    name       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT           NOT NULL
);

CREATE TABLE mailbox (
    id                      UUID             NOT NULL PRIMARY KEY,
    domain_id               UUID             NOT NULL REFERENCES domain (id),
    extension               TEXT COLLATE "C" NOT NULL,
    name                    TEXT COLLATE "C" NOT NULL,
    email_mode              TEXT             NOT NULL,
    recipients              JSONB            NOT NULL,
    after_email             TEXT             NOT NULL,
    transcribe              BOOLEAN          NOT NULL,
    transcript_wait_seconds BIGINT           NOT NULL,
    brief_seconds           BIGINT           NOT NULL,
    quota_bytes             BIGINT           NOT NULL,
    created_at              BIGINT           NOT NULL,
    UNIQUE (domain_id, extension)
);

CREATE TABLE message (
    id               UUID    NOT NULL PRIMARY KEY,
    domain_id        UUID    NOT NULL REFERENCES domain (id),
    mailbox_id       UUID    NOT NULL REFERENCES mailbox (id),
    core_id          TEXT    NOT NULL,
    folder           TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    failure          TEXT,
    caller_number    TEXT    NOT NULL,
    caller_name      TEXT    NOT NULL,
    received_at      BIGINT  NOT NULL,
    duration_ms      BIGINT,
    brief_start_ms   BIGINT,
    brief_end_ms     BIGINT,
    truncated        BOOLEAN NOT NULL,
    waveform         BYTEA   NOT NULL,
    phone_report     JSONB,
    transcript_state TEXT    NOT NULL,
    read_at          BIGINT,
    created_at       BIGINT  NOT NULL,
    UNIQUE (mailbox_id, core_id)
);

CREATE INDEX message_listing ON message (mailbox_id, folder, received_at, id);

-- One row a message; kept apart so that listings do not read every word ever said.
CREATE TABLE transcript (
    message_id UUID   NOT NULL PRIMARY KEY REFERENCES message (id),
    body       JSONB  NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE prompt (
    id           UUID             NOT NULL PRIMARY KEY,
    domain_id    UUID             NOT NULL REFERENCES domain (id),
    mailbox_id   UUID             REFERENCES mailbox (id),
    kind         TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    origin       TEXT             NOT NULL,
    script       TEXT COLLATE "C",
    voice        TEXT,
    rate         DOUBLE PRECISION NOT NULL,
    pauses       DOUBLE PRECISION NOT NULL,
    version      BIGINT           NOT NULL,
    state        TEXT             NOT NULL,
    failure      TEXT,
    duration_ms  BIGINT,
    phone_report JSONB,
    created_at   BIGINT           NOT NULL
);

CREATE INDEX prompt_listing ON prompt (domain_id, kind, id);
-- A script may be longer than an entry of a B-tree.
CREATE INDEX prompt_script ON prompt USING hash (script) WHERE kind = 'announcement';

-- How a domain wants its words said; the key is the word as a text is searched for it.
CREATE TABLE pronunciation (
    domain_id  UUID             NOT NULL REFERENCES domain (id),
    key        TEXT COLLATE "C" NOT NULL,
    word       TEXT             NOT NULL,
    said       JSONB            NOT NULL,
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (domain_id, key)
);

-- Speech that was made, by the digest of all that decides how it sounds; what is asked for again is taken from here.
CREATE TABLE speech (
    domain_id  UUID             NOT NULL REFERENCES domain (id),
    digest     TEXT             NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    bytes      BIGINT           NOT NULL,
    sha256     TEXT             NOT NULL,
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (domain_id, digest)
);

CREATE TABLE recording (
    id            UUID   NOT NULL PRIMARY KEY,
    domain_id     UUID   NOT NULL REFERENCES domain (id),
    call_id       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    caller_number TEXT   NOT NULL,
    callee_number TEXT   NOT NULL,
    started_at    BIGINT NOT NULL,
    duration_ms   BIGINT,
    skew_ms       BIGINT,
    created_at    BIGINT NOT NULL,
    UNIQUE (domain_id, call_id)
);

CREATE INDEX recording_listing ON recording (domain_id, started_at, id);

-- The bytes as they came: one row for a message's or prompt's version, one a leg of a recording.
CREATE TABLE original (
    owner_id   UUID             NOT NULL,
    version    BIGINT           NOT NULL,
    part       TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    bytes      BIGINT           NOT NULL,
    sha256     TEXT             NOT NULL,
    hint       TEXT,
    created_at BIGINT           NOT NULL,
    PRIMARY KEY (owner_id, version, part)
);

CREATE TABLE rendition (
    id           UUID             NOT NULL PRIMARY KEY,
    owner_id     UUID             NOT NULL,
    version      BIGINT           NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    purpose      TEXT             NOT NULL,
    format       TEXT             NOT NULL,
    content_type TEXT             NOT NULL,
    rate_hz      BIGINT           NOT NULL,
    duration_ms  BIGINT           NOT NULL,
    bytes        BIGINT           NOT NULL,
    sha256       TEXT             NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT           NOT NULL,
    UNIQUE (owner_id, version, name)
);

CREATE TABLE link (
    id         UUID   NOT NULL PRIMARY KEY,
    domain_id  UUID   NOT NULL REFERENCES domain (id),
    message_id UUID   NOT NULL REFERENCES message (id),
    span       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE notice (
    id                  UUID   NOT NULL PRIMARY KEY,
    domain_id           UUID   NOT NULL REFERENCES domain (id),
    mailbox_id          UUID   NOT NULL REFERENCES mailbox (id),
    message_id          UUID   NOT NULL REFERENCES message (id),
    recipient           TEXT   NOT NULL,
    mode                TEXT   NOT NULL,
    state               TEXT   NOT NULL,
    link_id             UUID   REFERENCES link (id),
    internet_message_id TEXT,
    mail_key            TEXT COLLATE "C",
    answer              TEXT,
    created_at          BIGINT NOT NULL,
    settled_at          BIGINT,
    UNIQUE (message_id, recipient)
);
