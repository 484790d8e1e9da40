-- The newest first, from before $1 on.
SELECT id, lane, kind, tenant, priority, state, attempt, max_attempts, crashes, progress, run_at, created_at, started_at,
       unique_key, verdict, cancel, errors
FROM job
WHERE id < $1
  AND (CAST($2 AS TEXT) IS NULL OR state = $2)
  AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
  AND (CAST($4 AS UUID) IS NULL OR tenant = $4)
ORDER BY id DESC
LIMIT $5
