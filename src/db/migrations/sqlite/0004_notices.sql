-- Notices of every kind: by mail and by SMS, of messages, unread messages, full mailboxes and missed calls.

ALTER TABLE mailbox ADD COLUMN sms_recipients TEXT NOT NULL DEFAULT '[]';
ALTER TABLE mailbox ADD COLUMN reminder_minutes INTEGER;
ALTER TABLE mailbox ADD COLUMN quiet_hours TEXT;
ALTER TABLE mailbox ADD COLUMN mail_missed_calls INTEGER NOT NULL DEFAULT 0;

ALTER TABLE domain ADD COLUMN sms_sender TEXT;
ALTER TABLE domain ADD COLUMN sms_daily_limit INTEGER;

CREATE TABLE new_notice (
    id                  BLOB    NOT NULL PRIMARY KEY,
    domain_id           BLOB    NOT NULL REFERENCES domain (id),
    mailbox_id          BLOB    NOT NULL REFERENCES mailbox (id),
    message_id          BLOB REFERENCES message (id),
    medium              TEXT    NOT NULL,
    occasion            TEXT    NOT NULL,
    event               TEXT    NOT NULL,
    recipient           TEXT    NOT NULL,
    mode                TEXT,
    state               TEXT    NOT NULL,
    link_id             BLOB REFERENCES link (id),
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

INSERT INTO new_notice (id, domain_id, mailbox_id, message_id, medium, occasion, event, recipient, mode, state, link_id,
                        internet_message_id, mail_key, answer, created_at, settled_at)
SELECT id, domain_id, mailbox_id, message_id, 'mail', 'message', 'message ' || lower(hex(message_id)), recipient, mode,
       state, link_id, internet_message_id, mail_key, answer, created_at, settled_at
FROM notice;

DROP TABLE notice;
ALTER TABLE new_notice RENAME TO notice;

CREATE INDEX notice_mail_key ON notice (mail_key);
CREATE INDEX notice_message ON notice (message_id, id);
CREATE INDEX notice_domain ON notice (domain_id, id);
CREATE INDEX notice_mailbox ON notice (mailbox_id, medium, created_at);
CREATE INDEX notice_reference ON notice (reference);
CREATE INDEX notice_internet_message ON notice (internet_message_id);

-- Numbers that asked one of our senders to stop.
CREATE TABLE sms_stop (
    sender     TEXT    NOT NULL,
    recipient  TEXT    NOT NULL,
    stopped_at INTEGER NOT NULL,
    PRIMARY KEY (sender, recipient)
) STRICT;

-- Parts of SMS that a domain sent on a day of its own calendar.
CREATE TABLE sms_day (
    domain_id BLOB    NOT NULL REFERENCES domain (id),
    day       TEXT    NOT NULL,
    parts     INTEGER NOT NULL,
    PRIMARY KEY (domain_id, day)
) STRICT;

-- Mailboxes whose people know that they are full; gone when one takes a message again.
CREATE TABLE full_mailbox (
    mailbox_id BLOB    NOT NULL PRIMARY KEY REFERENCES mailbox (id),
    told_at    INTEGER NOT NULL
) STRICT;

-- Domains' own words for their mails.
CREATE TABLE mail_template (
    domain_id  BLOB    NOT NULL REFERENCES domain (id),
    kind       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    body_text  TEXT    NOT NULL,
    body_html  TEXT,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, kind)
) STRICT;

-- Numbers of a service, such as a sales line, with addresses that every message left there goes to.
CREATE TABLE service_number (
    domain_id  BLOB    NOT NULL REFERENCES domain (id),
    number     TEXT    NOT NULL,
    recipients TEXT    NOT NULL,
    email_mode TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain_id, number)
) STRICT;

ALTER TABLE message ADD COLUMN service_number TEXT;
