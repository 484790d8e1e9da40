-- As `complete`, those that others wait for; returns them.
WITH finished AS (
    DELETE FROM job
    USING unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS result (id, claim)
    WHERE job.id = result.id AND job.claim = result.claim AND job.state = 'running' AND job.give_up_reason IS NULL
      AND job.awaited
    RETURNING job.id, job.lane, job.kind, job.tenant, job.attempt, job.created_at, job.started_at
), kept AS (
    INSERT INTO done (id, lane, kind, tenant, attempt, created_at, started_at, finished_at)
    SELECT id, lane, kind, tenant, attempt, created_at, started_at, $3 FROM finished
)
SELECT id FROM finished
