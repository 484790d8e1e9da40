-- When a message was put into the trash, which is emptied at the end of the day.
ALTER TABLE message ADD COLUMN trashed_at BIGINT;
CREATE INDEX message_trash ON message (domain_id, trashed_at) WHERE folder = 'trash';
CREATE INDEX link_message ON link (message_id);
