-- The job queue on SQLite. Times are microseconds since 1970 in UTC, tenants are 16-byte UUIDs.

-- One row for every living worker process. AUTOINCREMENT, because an id must never come back: a worker that starts again
-- under the id of a dead one would keep that one's jobs running for ever.
CREATE TABLE worker (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT    NOT NULL,
    beat INTEGER NOT NULL
) STRICT;

-- Every job that is not finished. AUTOINCREMENT, because finished rows leave, and a reused id would let a late result of an
-- old job settle a new one (and let two jobs share what is named after the id).
--
--   available   may be claimed now
--   scheduled   waits for run_at: delayed, snoozed or between two attempts
--   blocked     waits until other jobs are completed
--   quarantined waits to run alone, for workers died under it
--   paused      was found by a worker while its kind or tenant is paused
--   running     held by `worker` under the fencing number `claim`
--   discarded   a dead letter, kept until somebody retries or forgets it
CREATE TABLE job (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    lane         TEXT    NOT NULL,                   -- a name that the service gives
    kind         TEXT    NOT NULL,
    tenant       BLOB    NOT NULL CHECK (length(tenant) = 16),
    priority     INTEGER NOT NULL,                   -- 0 urgent, 1 normal, 2 bulk
    aged         INTEGER NOT NULL DEFAULT 0,         -- whether it was bulk and waited for so long that it competes as normal
    state        TEXT    NOT NULL CHECK (state IN ('available', 'scheduled', 'blocked', 'quarantined', 'paused', 'running', 'discarded')),
    claim        INTEGER NOT NULL DEFAULT 0,         -- grows with every claim and never shrinks: the fencing number
    attempt      INTEGER NOT NULL DEFAULT 0,         -- the attempts that count; a snooze or a hand-back takes its own back
    max_attempts INTEGER NOT NULL,
    crashes      INTEGER NOT NULL DEFAULT 0,         -- how often its worker died or lost its lease under it since an attempt ended
    lone_crashes INTEGER NOT NULL DEFAULT 0,         -- how often in a row it was all that its worker ran when that died
    alone        INTEGER NOT NULL DEFAULT 0,         -- whether the present claim runs with nothing beside it
    give_up_reason      TEXT,                               -- why it was given up; its next claim tells the owner, then it is discarded
    give_up_attempts     INTEGER NOT NULL DEFAULT 0,         -- attempts at telling the owner
    cancel       TEXT,                               -- why a running job is asked to stop
    progress     REAL    NOT NULL DEFAULT 0,         -- from 0 to 1
    run_at       INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    started_at   INTEGER,
    waits        INTEGER NOT NULL DEFAULT 0,         -- for how many jobs it still waits: its rows in job_dep
    awaited      INTEGER NOT NULL DEFAULT 0,         -- whether another job ever waited for it
    worker       INTEGER REFERENCES worker (id),
    unique_key   TEXT,
    payload      TEXT    NOT NULL,
    errors       TEXT    NOT NULL DEFAULT '[]',      -- [{"attempt", "at", "error"}], the newest last, at most ten
    CHECK ((state = 'running') = (worker IS NOT NULL))
) STRICT;

-- The claim walks tenants in their order and takes each one's oldest, so that one index serves both.
CREATE INDEX job_ready ON job (lane, priority, tenant, id) WHERE state = 'available';
-- Of each tenant at most one at a time.
CREATE INDEX job_aged ON job (lane, tenant) WHERE state = 'available' AND aged = 1;
CREATE INDEX job_scheduled ON job (run_at) WHERE state = 'scheduled';
CREATE INDEX job_running ON job (worker) WHERE worker IS NOT NULL;
-- Few, and mostly none.
CREATE INDEX job_quarantined ON job (priority, crashes, id) WHERE state = 'quarantined';
CREATE INDEX job_lone_crashes ON job (id) WHERE lone_crashes > 0;
CREATE INDEX job_paused ON job (id) WHERE state = 'paused';
CREATE INDEX job_discarded ON job (id) WHERE state = 'discarded';
CREATE UNIQUE INDEX job_unique ON job (kind, unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded';

-- Who waits for whom. A row goes when the job waited for is completed or removed.
CREATE TABLE job_dep (
    parent INTEGER NOT NULL,
    child  INTEGER NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_dep_child ON job_dep (child);

-- What was completed, kept for a while for people who ask.
CREATE TABLE done (
    id          INTEGER PRIMARY KEY,
    lane        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    tenant      BLOB    NOT NULL,
    attempt     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER NOT NULL
) STRICT;

CREATE INDEX done_finished ON done (finished_at);

-- What operators have paused: one of the three is set.
CREATE TABLE pause (
    what   TEXT    NOT NULL PRIMARY KEY,
    lane   TEXT,
    kind   TEXT,
    tenant BLOB,
    since  INTEGER NOT NULL
) STRICT;

-- Jobs that come again by the calendar of a place; next_at is UTC, and whoever moves it on enqueues the job.
CREATE TABLE cron (
    name         TEXT    NOT NULL PRIMARY KEY,
    expression   TEXT    NOT NULL,
    zone         TEXT    NOT NULL,
    next_at      INTEGER NOT NULL,
    lane         TEXT    NOT NULL,                   -- a name that the service gives
    kind         TEXT    NOT NULL,
    tenant       BLOB    NOT NULL,
    priority     INTEGER NOT NULL,
    max_attempts INTEGER NOT NULL,
    payload      TEXT    NOT NULL
) STRICT;

CREATE INDEX cron_next ON cron (next_at);
