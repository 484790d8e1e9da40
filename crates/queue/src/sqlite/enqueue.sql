-- A unique job that stands already is left alone, and no row comes back.
INSERT INTO job (lane, kind, tenant, priority, state, max_attempts, run_at, created_at, unique_key, payload, waits)
VALUES (?1, ?2, ?3, ?4, CASE WHEN ?10 > 0 THEN 'blocked' WHEN ?6 <= ?7 THEN 'available' ELSE 'scheduled' END,
        ?5, ?6, ?7, ?8, ?9, ?10)
-- The predicate is that of the partial index job_unique, which a conflict target must repeat.
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded' DO NOTHING
RETURNING id
