-- When a message was put into the trash, which is emptied at the end of the day; and who else has a blob, before it goes.
ALTER TABLE message ADD COLUMN trashed_at BIGINT;
CREATE INDEX message_trash ON message (domain_id, trashed_at) WHERE folder = 'trash';
CREATE INDEX original_key ON original (key);
CREATE INDEX rendition_key ON rendition (key);
CREATE INDEX link_message ON link (message_id);
