-- Identifiers are UUIDs, times are microseconds since the epoch, enums are their snake_case names.

CREATE TABLE domain (
    id                    BLOB NOT NULL PRIMARY KEY,
    name                  TEXT NOT NULL UNIQUE,
    time_zone             TEXT NOT NULL,
    locale                TEXT NOT NULL,
    language              TEXT,
    brand                 TEXT NOT NULL,
    mail_from             TEXT NOT NULL,
    mail_audio            TEXT NOT NULL,
    sms_sender            TEXT,
    sms_daily_limit       INTEGER,
    speech_lufs           REAL,
    music_lufs            REAL,
    transcribe_recordings INTEGER NOT NULL,
    version               INTEGER NOT NULL,
    created_at            INTEGER NOT NULL
) STRICT;

-- Keys that were handed out, by the SHA-256 of their secrets; after a rotation the secret before is good for a while. Operators'
-- keys have no domain.
CREATE TABLE api_key (
    id             BLOB NOT NULL PRIMARY KEY,
    hash           BLOB NOT NULL UNIQUE,
    previous_hash  BLOB,
    previous_until INTEGER,
    scope          TEXT NOT NULL,
    domain_id      BLOB REFERENCES domain (id),
    name           TEXT NOT NULL,
    addresses      TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER,
    revoked_at     INTEGER,
    changed_at     INTEGER
) STRICT;

CREATE INDEX api_key_previous ON api_key (previous_hash) WHERE previous_hash IS NOT NULL;
CREATE INDEX api_key_listing ON api_key (domain_id, id);
CREATE INDEX api_key_changed ON api_key (changed_at) WHERE changed_at IS NOT NULL;

-- Tokens that portals made for people, by their SHA-256; they go with the key that made them.
CREATE TABLE user_token (
    id         BLOB NOT NULL PRIMARY KEY,
    hash       BLOB NOT NULL UNIQUE,
    domain_id  BLOB NOT NULL REFERENCES domain (id),
    key_id     BLOB REFERENCES api_key (id),
    subject    TEXT NOT NULL,
    role       TEXT NOT NULL,
    mailboxes  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;

CREATE INDEX user_token_listing ON user_token (domain_id, id);
CREATE INDEX user_token_subject ON user_token (domain_id, subject);
CREATE INDEX user_token_expiry ON user_token (expires_at);

CREATE TABLE mailbox (
    id                      BLOB NOT NULL PRIMARY KEY,
    domain_id               BLOB NOT NULL REFERENCES domain (id),
    extension               TEXT NOT NULL,
    name                    TEXT NOT NULL,
    email_mode              TEXT NOT NULL,
    recipients              TEXT NOT NULL,
    after_email             TEXT NOT NULL,
    mail_missed_calls       INTEGER NOT NULL,
    sms_recipients          TEXT NOT NULL,
    reminder_minutes        INTEGER,
    quiet_hours             TEXT,
    transcribe              INTEGER NOT NULL,
    transcript_wait_seconds INTEGER NOT NULL,
    brief_seconds           INTEGER NOT NULL,
    quota_bytes             INTEGER NOT NULL,
    time_zone               TEXT,
    enabled                 INTEGER NOT NULL,
    copy_to                 TEXT NOT NULL,
    locale                  TEXT,
    announce_time           INTEGER NOT NULL,
    announce_caller         INTEGER NOT NULL,
    newest_first            INTEGER NOT NULL,
    version                 INTEGER NOT NULL,
    created_at              INTEGER NOT NULL,
    UNIQUE (domain_id, extension)
) STRICT;

-- Whose messages its members see and deal with together: a mailbox that has members is a group's.
CREATE TABLE group_member (
    group_id   BLOB NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
    mailbox_id BLOB NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, mailbox_id)
) STRICT;

CREATE INDEX group_member_mailbox ON group_member (mailbox_id);

-- How much each mailbox holds against its quota: originals of messages outside the trash, and of its greetings and name. Since
-- when its people know that it is full, and how much was refused last.
CREATE TABLE usage (
    mailbox_id     BLOB NOT NULL PRIMARY KEY REFERENCES mailbox (id) ON DELETE CASCADE,
    message_bytes  INTEGER NOT NULL,
    greeting_bytes INTEGER NOT NULL,
    full_since     INTEGER,
    refused_bytes  INTEGER
) STRICT;

-- Sound, and how far the work on it is: what a message, a prompt and a recording have in common. Its state and its version
-- change only as media/state.rs allows.
CREATE TABLE media (
    id               BLOB NOT NULL PRIMARY KEY,
    domain_id        BLOB NOT NULL REFERENCES domain (id),
    owner_kind       TEXT NOT NULL,
    version          INTEGER NOT NULL,
    state            TEXT NOT NULL,
    failure          TEXT,
    duration_ms      INTEGER,
    skew_ms          INTEGER,
    brief_start_ms   INTEGER,
    brief_end_ms     INTEGER,
    truncated        INTEGER NOT NULL,
    waveform         BLOB NOT NULL,
    phone_report     TEXT,
    transcript_state TEXT NOT NULL,
    created_at       INTEGER NOT NULL
) STRICT;

-- Every use of bytes in the store: which they are, and whose. The same bytes may be used more than once, under the same key:
-- they go from the store with the last use.
CREATE TABLE blob (
    id           BLOB NOT NULL PRIMARY KEY,
    domain_id    BLOB NOT NULL REFERENCES domain (id),
    media_id     BLOB REFERENCES media (id) ON DELETE CASCADE,
    version      INTEGER,
    role         TEXT NOT NULL,
    name         TEXT NOT NULL,
    key          TEXT NOT NULL,
    bytes        INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    hint         TEXT,
    purpose      TEXT,
    format       TEXT,
    content_type TEXT,
    rate_hz      INTEGER,
    duration_ms  INTEGER,
    created_at   INTEGER NOT NULL,
    UNIQUE (media_id, version, role, name)
) STRICT;

CREATE INDEX blob_key ON blob (key);

-- What was said; apart from the media, so that listings do not read every word ever said.
CREATE TABLE transcript (
    media_id   BLOB NOT NULL PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The core's id names a message together with its bytes: the same id with other bytes is another message. What was
-- forwarded or copied has none. What lies in the
-- trash is shown there until trash_until, hidden from then on, and gone at purge_at, which may be later.
CREATE TABLE message (
    id             BLOB NOT NULL PRIMARY KEY,
    domain_id      BLOB NOT NULL REFERENCES domain (id),
    mailbox_id     BLOB NOT NULL REFERENCES mailbox (id),
    media_id       BLOB NOT NULL REFERENCES media (id),
    core_id        TEXT,
    sha256         TEXT NOT NULL,
    folder         TEXT NOT NULL,
    caller_number  TEXT NOT NULL,
    caller_name    TEXT NOT NULL,
    service_number TEXT,
    received_at    INTEGER NOT NULL,
    read_at        INTEGER,
    urgent         INTEGER NOT NULL,
    label          TEXT,
    source         TEXT,
    note           TEXT,
    trash_until    INTEGER,
    purge_at       INTEGER,
    hidden_at      INTEGER,
    created_at     INTEGER NOT NULL,
    UNIQUE (mailbox_id, core_id, sha256)
) STRICT;

CREATE INDEX message_listing ON message (mailbox_id, folder, received_at, id);
CREATE INDEX message_kept ON message (mailbox_id, received_at, id) WHERE folder <> 'trash';
CREATE INDEX message_trash ON message (trash_until) WHERE folder = 'trash' AND hidden_at IS NULL;
CREATE INDEX message_purge ON message (purge_at) WHERE purge_at IS NOT NULL;
CREATE INDEX message_age ON message (domain_id, received_at, id);
CREATE INDEX message_media ON message (media_id);

-- What callers hear: greetings, names, music and messages. What is served is a version that can be heard, whatever becomes of
-- a later one. An active greeting is the one that callers of its mailbox hear; one that activates becomes so once it can be heard.
CREATE TABLE prompt (
    id             BLOB NOT NULL PRIMARY KEY,
    domain_id      BLOB NOT NULL REFERENCES domain (id),
    mailbox_id     BLOB REFERENCES mailbox (id),
    media_id       BLOB NOT NULL UNIQUE REFERENCES media (id),
    kind           TEXT NOT NULL,
    name           TEXT NOT NULL,
    core_id        TEXT,
    active         INTEGER NOT NULL,
    activates      INTEGER NOT NULL,
    served_version INTEGER,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX prompt_listing ON prompt (domain_id, kind, id);
CREATE INDEX prompt_mailbox ON prompt (mailbox_id, kind);
CREATE UNIQUE INDEX prompt_core_id ON prompt (mailbox_id, core_id);
CREATE UNIQUE INDEX prompt_active ON prompt (mailbox_id) WHERE active;
CREATE UNIQUE INDEX prompt_recorded_name ON prompt (mailbox_id) WHERE kind = 'recorded_name';

-- What each version of a prompt is made of, and what came of it. One that was replaced goes some time after retired_at, one that
-- failed some time after settled_at.
CREATE TABLE prompt_version (
    prompt_id    BLOB NOT NULL REFERENCES prompt (id) ON DELETE CASCADE,
    version      INTEGER NOT NULL,
    origin       TEXT NOT NULL,
    script       TEXT,
    voice        TEXT,
    rate         REAL NOT NULL,
    pauses       REAL NOT NULL,
    state        TEXT NOT NULL,
    failure      TEXT,
    duration_ms  INTEGER,
    phone_report TEXT,
    waveform     BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    settled_at   INTEGER,
    retired_at   INTEGER,
    PRIMARY KEY (prompt_id, version)
) STRICT;

CREATE INDEX prompt_version_script ON prompt_version (script) WHERE script IS NOT NULL;
CREATE INDEX prompt_version_retired ON prompt_version (retired_at) WHERE retired_at IS NOT NULL;
CREATE INDEX prompt_version_failed ON prompt_version (settled_at) WHERE state = 'failed';

-- What callers on hold hear, in which order.
CREATE TABLE playlist (
    id                       BLOB NOT NULL PRIMARY KEY,
    domain_id                BLOB NOT NULL REFERENCES domain (id),
    name                     TEXT NOT NULL,
    play_order               TEXT NOT NULL,
    introduction_id          BLOB REFERENCES prompt (id),
    message_interval_seconds INTEGER NOT NULL,
    version                  INTEGER NOT NULL,
    created_at               INTEGER NOT NULL,
    UNIQUE (domain_id, name)
) STRICT;

CREATE INDEX playlist_introduction ON playlist (introduction_id);

CREATE TABLE playlist_item (
    playlist_id BLOB NOT NULL REFERENCES playlist (id) ON DELETE CASCADE,
    role        TEXT NOT NULL,
    place       INTEGER NOT NULL,
    prompt_id   BLOB NOT NULL REFERENCES prompt (id),
    PRIMARY KEY (playlist_id, role, place)
) STRICT;

CREATE INDEX playlist_item_prompt ON playlist_item (prompt_id);

-- How a domain wants its words said; the key is the word as a text is searched for it.
CREATE TABLE pronunciation (
    domain_id  BLOB NOT NULL REFERENCES domain (id),
    key        TEXT NOT NULL,
    word       TEXT NOT NULL,
    phonetic   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, key)
) STRICT;

-- Speech that was made, by the digest of all that decides how it sounds; what is asked for again is taken from here.
CREATE TABLE speech (
    domain_id BLOB NOT NULL REFERENCES domain (id),
    digest    TEXT NOT NULL,
    blob_id   BLOB NOT NULL REFERENCES blob (id),
    PRIMARY KEY (domain_id, digest)
) STRICT;

CREATE TABLE recording (
    id            BLOB NOT NULL PRIMARY KEY,
    domain_id     BLOB NOT NULL REFERENCES domain (id),
    media_id      BLOB NOT NULL UNIQUE REFERENCES media (id),
    call_id       TEXT NOT NULL,
    caller_number TEXT NOT NULL,
    callee_number TEXT NOT NULL,
    started_at    INTEGER NOT NULL,
    take          INTEGER NOT NULL,
    completed_at  INTEGER,
    created_at    INTEGER NOT NULL,
    UNIQUE (domain_id, call_id, take)
) STRICT;

CREATE INDEX recording_listing ON recording (domain_id, started_at, id);

CREATE TABLE link (
    id         BLOB NOT NULL PRIMARY KEY,
    domain_id  BLOB NOT NULL REFERENCES domain (id),
    message_id BLOB NOT NULL REFERENCES message (id) ON DELETE CASCADE,
    span       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    opened_at  INTEGER,
    revoked_at INTEGER
) STRICT;

CREATE INDEX link_message ON link (message_id);

-- Notices of every kind: by mail and by SMS, of messages, unread messages, full mailboxes and missed calls.
CREATE TABLE notice (
    id                  BLOB NOT NULL PRIMARY KEY,
    domain_id           BLOB NOT NULL REFERENCES domain (id),
    mailbox_id          BLOB NOT NULL REFERENCES mailbox (id),
    message_id          BLOB REFERENCES message (id) ON DELETE CASCADE,
    medium              TEXT NOT NULL,
    occasion            TEXT NOT NULL,
    event               TEXT NOT NULL,
    recipient           TEXT NOT NULL,
    mode                TEXT,
    state               TEXT NOT NULL,
    link_id             BLOB REFERENCES link (id) ON DELETE SET NULL,
    internet_message_id TEXT,
    mail_key            TEXT,
    body                TEXT,
    parts               INTEGER,
    reference           TEXT,
    answer              TEXT,
    moved_to            TEXT,
    missed_call         TEXT,
    created_at          INTEGER NOT NULL,
    settled_at          INTEGER,
    UNIQUE (event, medium, recipient)
) STRICT;

CREATE INDEX notice_message ON notice (message_id, id);
CREATE INDEX notice_domain ON notice (domain_id, id);
CREATE INDEX notice_mailbox ON notice (mailbox_id, medium, created_at);
CREATE INDEX notice_reference ON notice (reference);
CREATE INDEX notice_internet_message ON notice (internet_message_id);
CREATE INDEX notice_link ON notice (link_id);

-- Numbers that asked one of our senders to stop.
CREATE TABLE sms_stop (
    sender     TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    stopped_at INTEGER NOT NULL,
    PRIMARY KEY (sender, recipient)
) STRICT;

-- Parts of SMS that a domain sent on a day of its own calendar.
CREATE TABLE sms_day (
    domain_id BLOB NOT NULL REFERENCES domain (id),
    day       TEXT NOT NULL,
    parts     INTEGER NOT NULL,
    PRIMARY KEY (domain_id, day)
) STRICT;

-- Domains' templates for their mails.
CREATE TABLE mail_template (
    domain_id  BLOB NOT NULL REFERENCES domain (id),
    kind       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    body_text  TEXT NOT NULL,
    body_html  TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, kind)
) STRICT;

-- Numbers of a service, such as a sales line, with addresses that every message left there goes to, and what callers hear.
CREATE TABLE service_number (
    id                    BLOB NOT NULL PRIMARY KEY,
    domain_id             BLOB NOT NULL REFERENCES domain (id),
    number                TEXT NOT NULL,
    recipients            TEXT NOT NULL,
    email_mode            TEXT NOT NULL,
    announce_position     INTEGER NOT NULL,
    announce_waiting_time INTEGER NOT NULL,
    announce_seconds      INTEGER NOT NULL,
    playlist_id           BLOB REFERENCES playlist (id),
    created_at            INTEGER NOT NULL,
    UNIQUE (domain_id, number)
) STRICT;

CREATE INDEX service_number_playlist ON service_number (playlist_id);

CREATE TABLE service_slot (
    service_number_id BLOB NOT NULL REFERENCES service_number (id) ON DELETE CASCADE,
    slot              TEXT NOT NULL,
    prompt_id         BLOB NOT NULL REFERENCES prompt (id),
    PRIMARY KEY (service_number_id, slot)
) STRICT;

CREATE INDEX service_slot_prompt ON service_slot (prompt_id);

-- What happened, written with what happened. The position is given when a reader first sees the row committed: it has no
-- gaps, and what has a higher one was seen later, whatever the order in which transactions began.
CREATE TABLE event (
    id           INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    position     INTEGER UNIQUE,
    event_id     BLOB NOT NULL UNIQUE,
    domain_id    BLOB NOT NULL REFERENCES domain (id),
    mailbox_id   BLOB,
    subject_kind TEXT NOT NULL,
    subject_id   BLOB NOT NULL,
    kind         TEXT NOT NULL,
    body         TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX event_unplaced ON event (id) WHERE position IS NULL;
CREATE INDEX event_at ON event (at);
CREATE INDEX event_listing ON event (domain_id, position);
CREATE INDEX event_subject ON event (subject_id);

-- How far each reader of events has come. The row of the empty name holds the last position given.
CREATE TABLE event_cursor (
    name     TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;

-- What each mailbox's counts were when they were last told, and since when they may be others.
CREATE TABLE mailbox_counts (
    mailbox_id BLOB NOT NULL PRIMARY KEY REFERENCES mailbox (id),
    counts     TEXT,
    told_at    INTEGER NOT NULL,
    changed_at INTEGER
) STRICT;

CREATE INDEX mailbox_counts_changed ON mailbox_counts (told_at) WHERE changed_at IS NOT NULL;

-- Endpoints that a domain's events are sent to; secrets sign, and so are kept as they are.
CREATE TABLE webhook (
    id              BLOB NOT NULL PRIMARY KEY,
    domain_id       BLOB NOT NULL REFERENCES domain (id),
    name            TEXT NOT NULL,
    url             TEXT NOT NULL,
    types           TEXT NOT NULL,
    include         TEXT NOT NULL,
    content_type    TEXT NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT,
    secret          TEXT NOT NULL,
    previous_secret TEXT,
    previous_until  INTEGER,
    delivered_at    INTEGER NOT NULL,
    dead            INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX webhook_listing ON webhook (domain_id, id);

-- One event to one endpoint, and the log of its tries.
CREATE TABLE webhook_delivery (
    id         BLOB NOT NULL PRIMARY KEY,
    webhook_id BLOB NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event_id   BLOB NOT NULL,
    kind       TEXT NOT NULL,
    state      TEXT NOT NULL,
    tries      INTEGER NOT NULL,
    round      INTEGER NOT NULL,
    next_at    INTEGER NOT NULL,
    attempts   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER,
    UNIQUE (webhook_id, event_id)
) STRICT;

CREATE INDEX webhook_delivery_listing ON webhook_delivery (webhook_id, id);
CREATE INDEX webhook_delivery_settled ON webhook_delivery (settled_at);

-- How many days each domain keeps things; for ever where none is given.
CREATE TABLE retention (
    domain_id       BLOB NOT NULL PRIMARY KEY REFERENCES domain (id),
    messages_days   INTEGER,
    recordings_days INTEGER
) STRICT;

-- What must be kept, whoever wants it gone.
CREATE TABLE hold (
    id           BLOB NOT NULL PRIMARY KEY,
    domain_id    BLOB NOT NULL REFERENCES domain (id),
    subject_kind TEXT NOT NULL,
    subject_id   BLOB NOT NULL,
    reason       TEXT NOT NULL,
    until        INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX hold_domain ON hold (domain_id, id);

-- What is gone for good, and the proof of it.
CREATE TABLE deletion (
    id          BLOB NOT NULL PRIMARY KEY,
    domain_id   BLOB NOT NULL REFERENCES domain (id),
    kind        TEXT NOT NULL,
    subject_id  BLOB NOT NULL,
    mailbox_id  BLOB,
    sha256      TEXT NOT NULL,
    cause       TEXT NOT NULL,
    shared      INTEGER NOT NULL,
    deleted_at  INTEGER NOT NULL,
    verified_at INTEGER
) STRICT;

CREATE INDEX deletion_listing ON deletion (domain_id, deleted_at, id);

-- Who changed what, and from where.
CREATE TABLE audit (
    id         BLOB NOT NULL PRIMARY KEY,
    domain_id  BLOB REFERENCES domain (id),
    at         INTEGER NOT NULL,
    bearer     TEXT NOT NULL,
    bearer_id  BLOB NOT NULL,
    role       TEXT NOT NULL,
    acts_for   TEXT,
    action     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    client     TEXT NOT NULL,
    request_id BLOB NOT NULL
) STRICT;

CREATE INDEX audit_listing ON audit (domain_id, id);
CREATE INDEX audit_at ON audit (at);

-- Requests that are done once however often they are sent, and what was answered. Who claims a key anew has another moment;
-- an effect is written with what it is about.
CREATE TABLE idempotency (
    bearer_id   BLOB NOT NULL,
    key         TEXT NOT NULL,
    claimed_at  INTEGER NOT NULL,
    effect      TEXT,
    is_over     INTEGER NOT NULL,
    fingerprint TEXT,
    answer      TEXT,
    PRIMARY KEY (bearer_id, key)
) STRICT;

CREATE INDEX idempotency_claimed ON idempotency (claimed_at);

-- How far each way of comparing store and database has come; counts are JSON.
CREATE TABLE store_pass (
    name        TEXT NOT NULL PRIMARY KEY,
    place       TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    counts      TEXT NOT NULL,
    last_counts TEXT NOT NULL
) STRICT;

-- The lease to compare store and database, so that of many processes one does.
CREATE TABLE store_lease (
    name       TEXT NOT NULL PRIMARY KEY,
    held_until INTEGER NOT NULL
) STRICT;

-- Blobs that are not as their rows say.
CREATE TABLE store_fault (
    key      TEXT NOT NULL,
    fault    TEXT NOT NULL,
    found_at INTEGER NOT NULL,
    PRIMARY KEY (key, fault)
) STRICT;

-- Originals that no row names, since when; they are removed 30 days later.
CREATE TABLE store_orphan (
    key   TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT;

-- Which store belongs to this database: the id that lies in both.
CREATE TABLE store_identity (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id  BLOB NOT NULL
) STRICT;
