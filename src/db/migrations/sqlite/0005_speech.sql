-- Languages, transcripts of recordings, and clocks of mailboxes.

ALTER TABLE domain ADD COLUMN language TEXT;
ALTER TABLE domain ADD COLUMN transcribe_recordings INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mailbox ADD COLUMN time_zone TEXT;
ALTER TABLE recording ADD COLUMN transcript_state TEXT NOT NULL DEFAULT 'off';

-- One row a recording; kept apart so that listings do not read every word ever said.
CREATE TABLE recording_transcript (
    recording_id BLOB    NOT NULL PRIMARY KEY REFERENCES recording (id),
    body         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
