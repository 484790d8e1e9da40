-- Languages, transcripts of recordings, and clocks of mailboxes.

ALTER TABLE domain ADD COLUMN language TEXT;
ALTER TABLE domain ADD COLUMN transcribe_recordings BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE mailbox ADD COLUMN time_zone TEXT;
ALTER TABLE recording ADD COLUMN transcript_state TEXT NOT NULL DEFAULT 'off';

-- One row a recording; kept apart so that listings do not read every word ever said.
CREATE TABLE recording_transcript (
    recording_id UUID   NOT NULL PRIMARY KEY REFERENCES recording (id),
    body         JSONB  NOT NULL,
    created_at   BIGINT NOT NULL
);
