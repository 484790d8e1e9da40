-- One finished job leaves `job` and enters `done`, unless the claim is no longer the job's, or it was given up; returns whether
-- others wait for it.
WITH finished AS (
    DELETE FROM job
    WHERE id = $1 AND claim = $2 AND state = 'running' AND give_up_reason IS NULL
    RETURNING id, lane, kind, tenant, attempt, created_at, started_at, awaited
), kept AS (
    INSERT INTO done (id, lane, kind, tenant, attempt, created_at, started_at, finished_at)
    SELECT id, lane, kind, tenant, attempt, created_at, started_at, $3 FROM finished
)
SELECT awaited FROM finished
