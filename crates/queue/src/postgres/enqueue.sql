-- A unique job that stands already is left alone, and no row comes back.
INSERT INTO job (lane, kind, tenant, priority, state, max_attempts, run_at, created_at, unique_key, payload, waits)
VALUES ($1, $2, $3, $4,
        CASE WHEN CAST($10 AS INTEGER) > 0 THEN 'blocked'
             WHEN CAST($6 AS BIGINT) <= CAST($7 AS BIGINT) THEN 'available' ELSE 'scheduled' END,
        $5, $6, $7, $8, CAST(CAST($9 AS TEXT) AS JSON), $10)
-- The predicate is that of the partial index job_unique, which a conflict target must repeat.
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded' DO NOTHING
RETURNING id
