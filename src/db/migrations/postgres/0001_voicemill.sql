-- Identifiers are UUIDs, times are microseconds since the epoch, enums are their snake_case names.
-- Texts that rows are ordered by have the order of their bytes, as in SQLite, whatever the database's language.

CREATE TABLE domain (
    id                    UUID NOT NULL PRIMARY KEY,
    name                  TEXT COLLATE "C" NOT NULL UNIQUE,
    time_zone             TEXT NOT NULL,
    locale                TEXT NOT NULL,
    language              TEXT,
    brand                 TEXT NOT NULL,
    mail_from             TEXT NOT NULL,
    mail_audio            TEXT NOT NULL,
    sms_sender            TEXT,
    sms_daily_limit       BIGINT,
    speech_lufs           DOUBLE PRECISION,
    music_lufs            DOUBLE PRECISION,
    transcribe_recordings BOOLEAN NOT NULL,
    version               BIGINT NOT NULL,
    created_at            BIGINT NOT NULL
);

-- Keys that were handed out, by the SHA-256 of their secrets; after a rotation the secret before is good for a while. Operators'
-- keys have no domain.
CREATE TABLE api_key (
    id             UUID NOT NULL PRIMARY KEY,
    hash           BYTEA NOT NULL UNIQUE,
    previous_hash  BYTEA,
    previous_until BIGINT,
    scope          TEXT NOT NULL,
    domain_id      UUID REFERENCES domain (id),
    name           TEXT COLLATE "C" NOT NULL,
    addresses      JSONB NOT NULL,
    created_at     BIGINT NOT NULL,
    last_used_at   BIGINT,
    revoked_at     BIGINT,
    changed_at     BIGINT
);

CREATE INDEX api_key_previous ON api_key (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX api_key_listing ON api_key (domain_id, id);
CREATE INDEX api_key_changed ON api_key (changed_at) WHERE changed_at IS NOT NULL;

-- Tokens that portals made for people, by their SHA-256; they go with the key that made them.
CREATE TABLE user_token (
    id         UUID NOT NULL PRIMARY KEY,
    hash       BYTEA NOT NULL UNIQUE,
    domain_id  UUID NOT NULL REFERENCES domain (id),
    key_id     UUID REFERENCES api_key (id),
    subject    TEXT COLLATE "C" NOT NULL,
    role       TEXT NOT NULL,
    mailboxes  JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX user_token_listing ON user_token (domain_id, id);
CREATE INDEX user_token_subject ON user_token (domain_id, subject);
CREATE INDEX user_token_expiry ON user_token (expires_at);

CREATE TABLE mailbox (
    id                      UUID NOT NULL PRIMARY KEY,
    domain_id               UUID NOT NULL REFERENCES domain (id),
    extension               TEXT COLLATE "C" NOT NULL,
    name                    TEXT COLLATE "C" NOT NULL,
    email_mode              TEXT NOT NULL,
    recipients              JSONB NOT NULL,
    after_email             TEXT NOT NULL,
    mail_missed_calls       BOOLEAN NOT NULL,
    sms_recipients          JSONB NOT NULL,
    reminder_minutes        BIGINT,
    quiet_hours             JSONB,
    transcribe              BOOLEAN NOT NULL,
    transcript_wait_seconds BIGINT NOT NULL,
    brief_seconds           BIGINT NOT NULL,
    quota_bytes             BIGINT NOT NULL,
    time_zone               TEXT,
    enabled                 BOOLEAN NOT NULL,
    copy_to                 JSONB NOT NULL,
    locale                  TEXT,
    announce_time           BOOLEAN NOT NULL,
    announce_caller         BOOLEAN NOT NULL,
    newest_first            BOOLEAN NOT NULL,
    version                 BIGINT NOT NULL,
    created_at              BIGINT NOT NULL,
    UNIQUE (domain_id, extension)
);

-- Whose messages its members see and deal with together: a mailbox that has members is a group's.
CREATE TABLE group_member (
    group_id   UUID NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
    mailbox_id UUID NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, mailbox_id)
);

CREATE INDEX group_member_mailbox ON group_member (mailbox_id);

-- How much each mailbox holds against its quota: originals of messages outside the trash, and of its greetings and name. Since
-- when its people know that it is full, and how much was refused last.
CREATE TABLE usage (
    mailbox_id     UUID NOT NULL PRIMARY KEY REFERENCES mailbox (id) ON DELETE CASCADE,
    message_bytes  BIGINT NOT NULL,
    greeting_bytes BIGINT NOT NULL,
    full_since     BIGINT,
    refused_bytes  BIGINT
);

-- Sound, and how far the work on it is: what a message, a prompt and a recording have in common. Its state and its version
-- change only as media/state.rs allows.
CREATE TABLE media (
    id               UUID NOT NULL PRIMARY KEY,
    domain_id        UUID NOT NULL REFERENCES domain (id),
    owner_kind       TEXT NOT NULL,
    version          BIGINT NOT NULL,
    state            TEXT NOT NULL,
    failure          JSONB,
    duration_ms      BIGINT,
    skew_ms          BIGINT,
    brief_start_ms   BIGINT,
    brief_end_ms     BIGINT,
    truncated        BOOLEAN NOT NULL,
    waveform         BYTEA NOT NULL,
    phone_report     JSONB,
    transcript_state TEXT NOT NULL,
    created_at       BIGINT NOT NULL
);

-- Every use of bytes in the store: which they are, and whose. The same bytes may be used more than once, under the same key:
-- they go from the store with the last use.
CREATE TABLE blob (
    id           UUID NOT NULL PRIMARY KEY,
    domain_id    UUID NOT NULL REFERENCES domain (id),
    media_id     UUID REFERENCES media (id) ON DELETE CASCADE,
    version      BIGINT,
    role         TEXT NOT NULL,
    name         TEXT COLLATE "C" NOT NULL,
    key          TEXT COLLATE "C" NOT NULL,
    bytes        BIGINT NOT NULL,
    sha256       TEXT NOT NULL,
    hint         TEXT,
    purpose      TEXT,
    format       TEXT,
    content_type TEXT,
    rate_hz      BIGINT,
    duration_ms  BIGINT,
    created_at   BIGINT NOT NULL,
    UNIQUE (media_id, version, role, name)
);

CREATE INDEX blob_key ON blob (key);

-- What was said; apart from the media, so that listings do not read every word ever said.
CREATE TABLE transcript (
    media_id   UUID NOT NULL PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE,
    body       JSONB NOT NULL,
    created_at BIGINT NOT NULL
);

-- The core's id names a message together with its bytes: the same id with other bytes is another message. What was
-- forwarded or copied has none. What lies in the
-- trash is shown there until trash_until, hidden from then on, and gone at purge_at, which may be later.
CREATE TABLE message (
    id             UUID NOT NULL PRIMARY KEY,
    domain_id      UUID NOT NULL REFERENCES domain (id),
    mailbox_id     UUID NOT NULL REFERENCES mailbox (id),
    media_id       UUID NOT NULL REFERENCES media (id),
    core_id        TEXT,
    sha256         TEXT NOT NULL,
    folder         TEXT NOT NULL,
    caller_number  TEXT NOT NULL,
    caller_name    TEXT NOT NULL,
    service_number TEXT,
    received_at    BIGINT NOT NULL,
    read_at        BIGINT,
    urgent         BOOLEAN NOT NULL,
    label          TEXT,
    source         JSONB,
    note           TEXT,
    trash_until    BIGINT,
    purge_at       BIGINT,
    hidden_at      BIGINT,
    created_at     BIGINT NOT NULL,
    UNIQUE (mailbox_id, core_id, sha256)
);

CREATE INDEX message_listing ON message (mailbox_id, folder, received_at, id);
CREATE INDEX message_kept ON message (mailbox_id, received_at, id) WHERE folder <> 'trash';
CREATE INDEX message_trash ON message (trash_until) WHERE folder = 'trash' AND hidden_at IS NULL;
CREATE INDEX message_purge ON message (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX message_age ON message (domain_id, received_at, id);
CREATE INDEX message_media ON message (media_id);

-- What callers hear: greetings, names, music and messages. What is served is a version that can be heard, whatever becomes of
-- a later one. An active greeting is the one that callers of its mailbox hear; one that activates becomes so once it can be heard.
CREATE TABLE prompt (
    id             UUID NOT NULL PRIMARY KEY,
    domain_id      UUID NOT NULL REFERENCES domain (id),
    mailbox_id     UUID REFERENCES mailbox (id),
    media_id       UUID NOT NULL UNIQUE REFERENCES media (id),
    kind           TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    core_id        TEXT COLLATE "C",
    active         BOOLEAN NOT NULL,
    activates      BOOLEAN NOT NULL,
    served_version BIGINT,
    created_at     BIGINT NOT NULL
);

CREATE INDEX prompt_listing ON prompt (domain_id, kind, id);
CREATE INDEX prompt_mailbox ON prompt (mailbox_id, kind);
CREATE UNIQUE INDEX prompt_core_id ON prompt (mailbox_id, core_id);
CREATE UNIQUE INDEX prompt_active ON prompt (mailbox_id) WHERE active;
CREATE UNIQUE INDEX prompt_recorded_name ON prompt (mailbox_id) WHERE kind = 'recorded_name';

-- What each version of a prompt is made of, and what came of it. One that was replaced goes some time after retired_at, one that
-- failed some time after settled_at.
CREATE TABLE prompt_version (
    prompt_id    UUID NOT NULL REFERENCES prompt (id) ON DELETE CASCADE,
    version      BIGINT NOT NULL,
    origin       TEXT NOT NULL,
    script       TEXT COLLATE "C",
    voice        TEXT COLLATE "C",
    rate         DOUBLE PRECISION NOT NULL,
    pauses       DOUBLE PRECISION NOT NULL,
    state        TEXT NOT NULL,
    failure      JSONB,
    duration_ms  BIGINT,
    phone_report JSONB,
    waveform     BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    settled_at   BIGINT,
    retired_at   BIGINT,
    PRIMARY KEY (prompt_id, version)
);

-- A script may be longer than an entry of a B-tree.
CREATE INDEX prompt_version_script ON prompt_version USING hash (script) WHERE script IS NOT NULL;
CREATE INDEX prompt_version_retired ON prompt_version (retired_at) WHERE retired_at IS NOT NULL;
CREATE INDEX prompt_version_failed ON prompt_version (settled_at) WHERE state = 'failed';

-- What callers on hold hear, in which order.
CREATE TABLE playlist (
    id                       UUID NOT NULL PRIMARY KEY,
    domain_id                UUID NOT NULL REFERENCES domain (id),
    name                     TEXT COLLATE "C" NOT NULL,
    play_order               TEXT NOT NULL,
    introduction_id          UUID REFERENCES prompt (id),
    message_interval_seconds BIGINT NOT NULL,
    version                  BIGINT NOT NULL,
    created_at               BIGINT NOT NULL,
    UNIQUE (domain_id, name)
);

CREATE INDEX playlist_introduction ON playlist (introduction_id);

CREATE TABLE playlist_item (
    playlist_id UUID NOT NULL REFERENCES playlist (id) ON DELETE CASCADE,
    role        TEXT COLLATE "C" NOT NULL,
    place       BIGINT NOT NULL,
    prompt_id   UUID NOT NULL REFERENCES prompt (id),
    PRIMARY KEY (playlist_id, role, place)
);

CREATE INDEX playlist_item_prompt ON playlist_item (prompt_id);

-- How a domain wants its words said; the key is the word as a text is searched for it.
CREATE TABLE pronunciation (
    domain_id  UUID NOT NULL REFERENCES domain (id),
    key        TEXT COLLATE "C" NOT NULL,
    word       TEXT COLLATE "C" NOT NULL,
    phonetic   JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (domain_id, key)
);

-- Speech that was made, by the digest of all that decides how it sounds; what is asked for again is taken from here.
CREATE TABLE speech (
    domain_id UUID NOT NULL REFERENCES domain (id),
    digest    TEXT COLLATE "C" NOT NULL,
    blob_id   UUID NOT NULL REFERENCES blob (id),
    PRIMARY KEY (domain_id, digest)
);

CREATE TABLE recording (
    id            UUID NOT NULL PRIMARY KEY,
    domain_id     UUID NOT NULL REFERENCES domain (id),
    media_id      UUID NOT NULL UNIQUE REFERENCES media (id),
    call_id       TEXT NOT NULL,
    caller_number TEXT NOT NULL,
    callee_number TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    take          BIGINT NOT NULL,
    completed_at  BIGINT,
    created_at    BIGINT NOT NULL,
    UNIQUE (domain_id, call_id, take)
);

CREATE INDEX recording_listing ON recording (domain_id, started_at, id);

CREATE TABLE link (
    id         UUID NOT NULL PRIMARY KEY,
    domain_id  UUID NOT NULL REFERENCES domain (id),
    message_id UUID NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    span       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    opened_at  BIGINT,
    revoked_at BIGINT
);

CREATE INDEX link_message ON link (message_id);

-- Notices of every kind: by mail and by SMS, of messages, unread messages, full mailboxes and missed calls.
CREATE TABLE notice (
    id                  UUID NOT NULL PRIMARY KEY,
    domain_id           UUID NOT NULL REFERENCES domain (id),
    mailbox_id          UUID NOT NULL REFERENCES mailbox (id),
    message_id          UUID REFERENCES message (id) ON DELETE CASCADE,
    medium              TEXT NOT NULL,
    occasion            TEXT NOT NULL,
    event               TEXT NOT NULL,
    recipient           TEXT NOT NULL,
    mode                TEXT,
    state               TEXT NOT NULL,
    link_id             UUID REFERENCES link (id) ON DELETE SET NULL,
    internet_message_id TEXT,
    mail_key            TEXT COLLATE "C",
    body                TEXT,
    parts               BIGINT,
    reference           TEXT,
    answer              TEXT,
    moved_to            TEXT,
    missed_call         JSONB,
    created_at          BIGINT NOT NULL,
    settled_at          BIGINT,
    UNIQUE (event, medium, recipient)
);

CREATE INDEX notice_message ON notice (message_id, id);
CREATE INDEX notice_domain ON notice (domain_id, id);
CREATE INDEX notice_mailbox ON notice (mailbox_id, medium, created_at);
CREATE INDEX notice_reference ON notice (reference);
CREATE INDEX notice_internet_message ON notice (internet_message_id);
CREATE INDEX notice_link ON notice (link_id);

-- Numbers that asked one of our senders to stop.
CREATE TABLE sms_stop (
    sender     TEXT COLLATE "C" NOT NULL,
    recipient  TEXT COLLATE "C" NOT NULL,
    stopped_at BIGINT NOT NULL,
    PRIMARY KEY (sender, recipient)
);

-- Parts of SMS that a domain sent on a day of its own calendar.
CREATE TABLE sms_day (
    domain_id UUID NOT NULL REFERENCES domain (id),
    day       TEXT COLLATE "C" NOT NULL,
    parts     BIGINT NOT NULL,
    PRIMARY KEY (domain_id, day)
);

-- Domains' templates for their mails.
CREATE TABLE mail_template (
    domain_id  UUID NOT NULL REFERENCES domain (id),
    kind       TEXT COLLATE "C" NOT NULL,
    subject    TEXT NOT NULL,
    body_text  TEXT NOT NULL,
    body_html  TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (domain_id, kind)
);

-- Numbers of a service, such as a sales line, with addresses that every message left there goes to, and what callers hear.
CREATE TABLE service_number (
    id                    UUID NOT NULL PRIMARY KEY,
    domain_id             UUID NOT NULL REFERENCES domain (id),
    number                TEXT COLLATE "C" NOT NULL,
    recipients            JSONB NOT NULL,
    email_mode            TEXT NOT NULL,
    announce_position     BOOLEAN NOT NULL,
    announce_waiting_time BOOLEAN NOT NULL,
    announce_seconds      BIGINT NOT NULL,
    playlist_id           UUID REFERENCES playlist (id),
    created_at            BIGINT NOT NULL,
    UNIQUE (domain_id, number)
);

CREATE INDEX service_number_playlist ON service_number (playlist_id);

CREATE TABLE service_slot (
    service_number_id UUID NOT NULL REFERENCES service_number (id) ON DELETE CASCADE,
    slot              TEXT COLLATE "C" NOT NULL,
    prompt_id         UUID NOT NULL REFERENCES prompt (id),
    PRIMARY KEY (service_number_id, slot)
);

CREATE INDEX service_slot_prompt ON service_slot (prompt_id);

-- What happened, written with what happened. The position is given when a reader first sees the row committed: it has no
-- gaps, and what has a higher one was seen later, whatever the order in which transactions began.
CREATE TABLE event (
    id           BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    position     BIGINT UNIQUE,
    event_id     UUID NOT NULL UNIQUE,
    domain_id    UUID NOT NULL REFERENCES domain (id),
    mailbox_id   UUID,
    subject_kind TEXT NOT NULL,
    subject_id   UUID NOT NULL,
    kind         TEXT NOT NULL,
    body         JSONB NOT NULL,
    at           BIGINT NOT NULL
);

CREATE INDEX event_unplaced ON event (id) WHERE position IS NULL;
CREATE INDEX event_at ON event (at);
CREATE INDEX event_listing ON event (domain_id, position);
CREATE INDEX event_subject ON event (subject_id);

-- How far each reader of events has come. The row of the empty name holds the last position given.
CREATE TABLE event_cursor (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- What each mailbox's counts were when they were last told, and since when they may be others.
CREATE TABLE mailbox_counts (
    mailbox_id UUID NOT NULL PRIMARY KEY REFERENCES mailbox (id),
    counts     JSONB,
    told_at    BIGINT NOT NULL,
    changed_at BIGINT
);

CREATE INDEX mailbox_counts_changed ON mailbox_counts (told_at) WHERE changed_at IS NOT NULL;

-- Endpoints that a domain's events are sent to; secrets sign, and so are kept as they are.
CREATE TABLE webhook (
    id              UUID NOT NULL PRIMARY KEY,
    domain_id       UUID NOT NULL REFERENCES domain (id),
    name            TEXT COLLATE "C" NOT NULL,
    url             TEXT COLLATE "C" NOT NULL,
    types           JSONB NOT NULL,
    include         JSONB NOT NULL,
    content_type    TEXT COLLATE "C" NOT NULL,
    state           TEXT COLLATE "C" NOT NULL,
    reason          TEXT COLLATE "C",
    secret          TEXT COLLATE "C" NOT NULL,
    previous_secret TEXT COLLATE "C",
    previous_until  BIGINT,
    delivered_at    BIGINT NOT NULL,
    dead            BIGINT NOT NULL,
    version         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL
);

CREATE INDEX webhook_listing ON webhook (domain_id, id);

-- One event to one endpoint, and the log of its tries.
CREATE TABLE webhook_delivery (
    id         UUID NOT NULL PRIMARY KEY,
    webhook_id UUID NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_id   UUID NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL,
    tries      BIGINT NOT NULL,
    round      BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    attempts   JSONB NOT NULL,
    created_at BIGINT NOT NULL,
    settled_at BIGINT,
    UNIQUE (webhook_id, event_id)
);

CREATE INDEX webhook_delivery_listing ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_settled ON webhook_delivery (settled_at);

-- How many days each domain keeps things; for ever where none is given.
CREATE TABLE retention (
    domain_id       UUID NOT NULL PRIMARY KEY REFERENCES domain (id),
    messages_days   BIGINT,
    recordings_days BIGINT
);

-- What must be kept, whoever wants it gone.
CREATE TABLE hold (
    id           UUID NOT NULL PRIMARY KEY,
    domain_id    UUID NOT NULL REFERENCES domain (id),
    subject_kind TEXT COLLATE "C" NOT NULL,
    subject_id   UUID NOT NULL,
    reason       TEXT COLLATE "C" NOT NULL,
    until        BIGINT,
    created_at   BIGINT NOT NULL
);

CREATE INDEX hold_domain ON hold (domain_id, id);

-- What is gone for good, and the proof of it.
CREATE TABLE deletion (
    id          UUID NOT NULL PRIMARY KEY,
    domain_id   UUID NOT NULL REFERENCES domain (id),
    kind        TEXT COLLATE "C" NOT NULL,
    subject_id  UUID NOT NULL,
    mailbox_id  UUID,
    sha256      JSONB NOT NULL,
    cause       TEXT COLLATE "C" NOT NULL,
    shared      BOOLEAN NOT NULL,
    deleted_at  BIGINT NOT NULL,
    verified_at BIGINT
);

CREATE INDEX deletion_listing ON deletion (domain_id, deleted_at, id);

-- Who changed what, and from where.
CREATE TABLE audit (
    id         UUID NOT NULL PRIMARY KEY,
    domain_id  UUID REFERENCES domain (id),
    at         BIGINT NOT NULL,
    bearer     TEXT NOT NULL,
    bearer_id  UUID NOT NULL,
    role       TEXT NOT NULL,
    acts_for   TEXT COLLATE "C",
    action     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    client     TEXT NOT NULL,
    request_id UUID NOT NULL
);

CREATE INDEX audit_listing ON audit (domain_id, id);
CREATE INDEX audit_at ON audit (at);

-- Requests that are done once however often they are sent, and what was answered. Who claims a key anew has another moment;
-- an effect is written with what it is about.
CREATE TABLE idempotency (
    bearer_id   UUID NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    claimed_at  BIGINT NOT NULL,
    effect      TEXT COLLATE "C",
    is_over     BOOLEAN NOT NULL,
    fingerprint TEXT,
    answer      JSONB,
    PRIMARY KEY (bearer_id, key)
);

CREATE INDEX idempotency_claimed ON idempotency (claimed_at);

-- How far each way of comparing store and database has come; counts are JSON.
CREATE TABLE store_pass (
    name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    place       TEXT COLLATE "C" NOT NULL,
    started_at  BIGINT NOT NULL,
    finished_at BIGINT,
    counts      TEXT NOT NULL,
    last_counts TEXT NOT NULL
);

-- The lease to compare store and database, so that of many processes one does.
CREATE TABLE store_lease (
    name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    held_until BIGINT NOT NULL
);

-- Blobs that are not as their rows say.
CREATE TABLE store_fault (
    key      TEXT COLLATE "C" NOT NULL,
    fault    TEXT COLLATE "C" NOT NULL,
    found_at BIGINT NOT NULL,
    PRIMARY KEY (key, fault)
);

-- Originals that no row names, since when; they are removed 30 days later.
CREATE TABLE store_orphan (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since BIGINT NOT NULL
);

-- Which store belongs to this database: the id that lies in both.
CREATE TABLE store_identity (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id  UUID NOT NULL
);
