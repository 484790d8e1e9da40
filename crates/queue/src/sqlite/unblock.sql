-- Of those that waited for the jobs ?1, a JSON array, who waits for nothing more may start, once it is due.
UPDATE job
SET run_at = max(run_at, ?2),
    state = CASE WHEN run_at <= ?2 THEN 'available' ELSE 'scheduled' END
WHERE id IN (SELECT dep.child FROM json_each(?1) AS result CROSS JOIN job_dep AS dep ON dep.parent = result.value)
  AND state = 'blocked' AND waits = 0
