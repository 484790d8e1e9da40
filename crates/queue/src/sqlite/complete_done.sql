-- The finished jobs, a JSON array of [id, claim], as they enter `done`. A result whose claim is no longer the job's changes nothing.
-- Those that others wait for (?3) go apart, for that is more work.
-- CROSS JOIN pins the plan: for each result, the job by its primary key.
INSERT INTO done (id, lane, kind, tenant, attempt, created_at, started_at, finished_at)
SELECT job.id, job.lane, job.kind, job.tenant, job.attempt, job.created_at, job.started_at, ?2
FROM json_each(?1) AS result
CROSS JOIN job ON job.id = result.value ->> 0
WHERE job.claim = result.value ->> 1 AND job.state = 'running' AND job.give_up_reason IS NULL AND job.awaited = ?3
