-- Jobs of one kind in one statement; those whose unique keys stand already are left out.
INSERT INTO job (lane, kind, tenant, priority, state, max_attempts, run_at, created_at, unique_key, payload)
SELECT $1, $2, new.tenant, new.priority, CASE WHEN new.run_at <= CAST($3 AS BIGINT) THEN 'available' ELSE 'scheduled' END,
       new.max_attempts, new.run_at, $3, new.unique_key, CAST(new.payload AS JSON)
FROM unnest(CAST($4 AS UUID[]), CAST($5 AS INTEGER[]), CAST($6 AS INTEGER[]), CAST($7 AS BIGINT[]), CAST($8 AS TEXT[]),
            CAST($9 AS TEXT[])) AS new (tenant, priority, max_attempts, run_at, unique_key, payload)
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL AND state <> 'discarded' DO NOTHING
