-- The job queue on PostgreSQL. Times are microseconds since 1970 in UTC. The table `job` is written all the time and is
-- short or long by round_robin: its rows are vacuumed by number, not by share, and its statements' plans are pinned.

-- One row for every living worker process. An identity never comes back: a worker that starts again under the id of a
-- dead one would keep that one's jobs running for ever.
CREATE TABLE worker (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host TEXT   NOT NULL,
    beat BIGINT NOT NULL
) WITH (fillfactor = 50);

-- Every job that is not finished. An identity, because finished rows leave, and a reused id would let a late result of an
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
    id           BIGINT           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane         TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    tenant       UUID             NOT NULL,
    priority     INTEGER          NOT NULL,            -- 0 urgent, 1 normal, 2 bulk
    aged         BOOLEAN          NOT NULL DEFAULT FALSE, -- whether it was bulk and waited for so long that it competes as normal
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('available', 'scheduled', 'blocked', 'quarantined', 'paused', 'running', 'discarded')),
    claim        BIGINT           NOT NULL DEFAULT 0,  -- grows with every claim and never shrinks: the fencing number
    attempt      INTEGER          NOT NULL DEFAULT 0,  -- the attempts that count; a snooze or a hand-back takes its own back
    max_attempts INTEGER          NOT NULL,
    crashes      INTEGER          NOT NULL DEFAULT 0,  -- how often its worker died or lost its lease under it since an attempt ended
    lone_crashes INTEGER          NOT NULL DEFAULT 0,  -- how often in a row it was all that its worker ran when that died
    alone        BOOLEAN          NOT NULL DEFAULT FALSE, -- whether the present claim runs with nothing beside it
    give_up_reason      TEXT,                                 -- why it was given up; its next claim tells the owner, then it is discarded
    give_up_attempts     INTEGER          NOT NULL DEFAULT 0,  -- attempts at telling the owner
    cancel       TEXT,                                 -- why a running job is asked to stop
    progress     DOUBLE PRECISION NOT NULL DEFAULT 0,  -- from 0 to 1
    run_at       BIGINT           NOT NULL,
    created_at   BIGINT           NOT NULL,
    started_at   BIGINT,
    waits        INTEGER          NOT NULL DEFAULT 0,  -- for how many jobs it still waits: its rows in job_dep
    awaited      BOOLEAN          NOT NULL DEFAULT FALSE, -- whether another job ever waited for it
    worker       BIGINT,                               -- no foreign key: each claim checks its worker once, not once a row
    unique_key   TEXT COLLATE "C",
    payload      JSON             NOT NULL,
    errors       JSONB            NOT NULL DEFAULT '[]', -- [{"attempt", "at", "error"}], the newest last, at most ten
    CHECK ((state = 'running') = (worker IS NOT NULL))
) WITH (
    fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 50000,
    autovacuum_vacuum_cost_delay = 0
);

-- The claim walks tenants in their order and takes each one's oldest, so that one index serves both.
CREATE INDEX job_ready ON job (lane, priority, tenant, id) WHERE state = 'available';
-- Of each tenant at most one at a time.
CREATE INDEX job_aged ON job (lane, tenant) WHERE state = 'available' AND aged;
CREATE INDEX job_scheduled ON job (run_at) WHERE state = 'scheduled';
CREATE INDEX job_running ON job (worker) WHERE worker IS NOT NULL;
-- Apart from job_running, so that looking for the few does not read the many.
CREATE INDEX job_cancelled ON job (worker) WHERE cancel IS NOT NULL;
-- Few, and mostly none.
CREATE INDEX job_quarantined ON job (priority, crashes, id) WHERE state = 'quarantined';
CREATE INDEX job_lone_crashes ON job (id) WHERE lone_crashes > 0;
CREATE INDEX job_paused ON job (id) WHERE state = 'paused';
CREATE INDEX job_discarded ON job (id) WHERE state = 'discarded';
CREATE UNIQUE INDEX job_unique ON job (kind, unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded';

-- Who waits for whom. A row goes when the job waited for is completed or removed.
CREATE TABLE job_dep (
    parent BIGINT NOT NULL,
    child  BIGINT NOT NULL,
    PRIMARY KEY (parent, child)
);

CREATE INDEX job_dep_child ON job_dep (child);

-- What was completed, kept for a while for people who ask: a partition a day, which is dropped as a whole. Workers make
-- them ahead; what finds none goes to done_other.
CREATE TABLE done (
    id          BIGINT           NOT NULL,
    lane        TEXT COLLATE "C" NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    tenant      UUID             NOT NULL,
    attempt     INTEGER          NOT NULL,
    created_at  BIGINT           NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT           NOT NULL
) PARTITION BY RANGE (finished_at);

CREATE INDEX done_id ON done (id);
CREATE TABLE done_other PARTITION OF done DEFAULT;

-- What operators have paused: one of the three is set.
CREATE TABLE pause (
    what   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lane   TEXT COLLATE "C",
    kind   TEXT COLLATE "C",
    tenant UUID,
    since  BIGINT           NOT NULL
);

-- Jobs that come again by the calendar of a place; next_at is UTC, and whoever moves it on enqueues the job.
CREATE TABLE cron (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    expression   TEXT             NOT NULL,
    zone         TEXT             NOT NULL,
    next_at      BIGINT           NOT NULL,
    lane         TEXT             NOT NULL,
    kind         TEXT             NOT NULL,
    tenant       UUID             NOT NULL,
    priority     INTEGER          NOT NULL,
    max_attempts INTEGER          NOT NULL,
    payload      TEXT             NOT NULL
);

CREATE INDEX cron_next ON cron (next_at);
