-- The newest first, from before ?1 on.
SELECT id, lane, kind, tenant, priority, state, attempt, max_attempts, crashes, progress, run_at, created_at, started_at,
       unique_key, give_up_reason, cancel, errors, waits,
       -- At most ten, what needs somebody's hand first.
       CASE WHEN waits = 0 THEN '[]' ELSE (
           SELECT json_group_array(json_object('id', held.id, 'kind', held.kind, 'state', held.state)) FROM (
               SELECT parent.id, parent.kind, parent.state
               FROM job_dep CROSS JOIN job AS parent ON parent.id = job_dep.parent
               WHERE job_dep.child = job.id
               ORDER BY parent.state <> 'discarded', parent.id
               LIMIT 10
           ) AS held
       ) END AS waits_for
FROM job
WHERE id < ?1
  AND (?2 IS NULL OR state = ?2)
  AND (?3 IS NULL OR kind = ?3)
  AND (?4 IS NULL OR tenant = ?4)
ORDER BY id DESC
LIMIT ?5
