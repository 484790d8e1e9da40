-- A running job is given up: its next claim, due at once, tells the owner why.
UPDATE job
SET state = 'available',
    run_at = $3,
    give_up_reason = $4,
    crashes = 0,
    lone_crashes = 0,
    alone = FALSE,
    cancel = NULL,
    worker = NULL,
    errors = CASE WHEN jsonb_array_length(errors) >= 10 THEN errors - 0 ELSE errors END
        || jsonb_build_object('attempt', attempt, 'at', CAST($3 AS BIGINT), 'error', CAST($4 AS TEXT))
WHERE id = $1 AND claim = $2 AND state = 'running'
