-- The newest first, from before $1 on.
SELECT id, lane, kind, tenant, priority, state, attempt, max_attempts, crashes, progress, run_at, created_at, started_at,
       unique_key, give_up_reason, cancel, errors, waits,
       -- At most ten, what needs somebody's hand first.
       CASE WHEN waits = 0 THEN CAST('[]' AS JSONB) ELSE (
           SELECT coalesce(jsonb_agg(jsonb_build_object('id', held.id, 'kind', held.kind, 'state', held.state)
                                     ORDER BY held.state <> 'discarded', held.id), CAST('[]' AS JSONB))
           FROM (
               SELECT parent.id, parent.kind, parent.state
               FROM job_dep JOIN job AS parent ON parent.id = job_dep.parent
               WHERE job_dep.child = job.id
               ORDER BY parent.state <> 'discarded', parent.id
               LIMIT 10
           ) AS held
       ) END AS waits_for
FROM job
WHERE id < $1
  AND (CAST($2 AS TEXT) IS NULL OR state = $2)
  AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
  AND (CAST($4 AS UUID) IS NULL OR tenant = $4)
ORDER BY id DESC
LIMIT $5
