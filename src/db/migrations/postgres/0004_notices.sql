-- Notices of every kind: by mail and by SMS, of messages, unread messages, full mailboxes and missed calls.

ALTER TABLE mailbox ADD COLUMN sms_recipients JSONB NOT NULL DEFAULT '[]';
ALTER TABLE mailbox ADD COLUMN reminder_minutes BIGINT;
ALTER TABLE mailbox ADD COLUMN quiet_hours JSONB;
ALTER TABLE mailbox ADD COLUMN mail_missed_calls BOOLEAN NOT NULL DEFAULT FALSE;

ALTER TABLE domain ADD COLUMN sms_sender TEXT;
ALTER TABLE domain ADD COLUMN sms_daily_limit BIGINT;

CREATE TABLE new_notice (
    id                  UUID    NOT NULL PRIMARY KEY,
    domain_id           UUID    NOT NULL REFERENCES domain (id),
    mailbox_id          UUID    NOT NULL REFERENCES mailbox (id),
    message_id          UUID REFERENCES message (id),
    medium              TEXT    NOT NULL,
    occasion            TEXT    NOT NULL,
    event               TEXT    NOT NULL,
    recipient           TEXT    NOT NULL,
    mode                TEXT,
    state               TEXT    NOT NULL,
    link_id             UUID REFERENCES link (id),
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

INSERT INTO new_notice (id, domain_id, mailbox_id, message_id, medium, occasion, event, recipient, mode, state, link_id,
                        internet_message_id, mail_key, answer, created_at, settled_at)
SELECT id, domain_id, mailbox_id, message_id, 'mail', 'message', 'message ' || replace(CAST(message_id AS TEXT), '-', ''), recipient, mode,
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
    sender     TEXT COLLATE "C" NOT NULL,
    recipient  TEXT COLLATE "C" NOT NULL,
    stopped_at BIGINT NOT NULL,
    PRIMARY KEY (sender, recipient)
);

-- Parts of SMS that a domain sent on a day of its own calendar.
CREATE TABLE sms_day (
    domain_id UUID    NOT NULL REFERENCES domain (id),
    day       TEXT COLLATE "C" NOT NULL,
    parts     BIGINT NOT NULL,
    PRIMARY KEY (domain_id, day)
);

-- Mailboxes whose people know that they are full; gone when one takes a message again.
CREATE TABLE full_mailbox (
    mailbox_id UUID    NOT NULL PRIMARY KEY REFERENCES mailbox (id),
    told_at    BIGINT NOT NULL
);

-- Domains' own words for their mails.
CREATE TABLE mail_template (
    domain_id  UUID    NOT NULL REFERENCES domain (id),
    kind       TEXT COLLATE "C" NOT NULL,
    subject    TEXT    NOT NULL,
    body_text  TEXT    NOT NULL,
    body_html  TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (domain_id, kind)
);

-- Numbers of a service, such as a sales line, with addresses that every message left there goes to.
CREATE TABLE service_number (
    domain_id  UUID    NOT NULL REFERENCES domain (id),
    number     TEXT COLLATE "C" NOT NULL,
    recipients JSONB   NOT NULL,
    email_mode TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (domain_id, number)
);

ALTER TABLE message ADD COLUMN service_number TEXT;
