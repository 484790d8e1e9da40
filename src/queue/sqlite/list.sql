-- The newest first, from before ?1 on.
SELECT id, lane, kind, tenant, priority, state, attempt, max_attempts, crashes, progress, run_at, created_at, started_at,
       unique_key, verdict, cancel, errors
FROM job
WHERE id < ?1
  AND (?2 IS NULL OR state = ?2)
  AND (?3 IS NULL OR kind = ?3)
  AND (?4 IS NULL OR tenant = ?4)
ORDER BY id DESC
LIMIT ?5
