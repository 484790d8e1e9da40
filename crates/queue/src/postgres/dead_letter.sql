-- A running job becomes a dead letter; the first give_up_reason stands.
UPDATE job
SET state = 'discarded',
    alone = FALSE,
    give_up_reason = coalesce(give_up_reason, $4),
    cancel = NULL,
    worker = NULL,
    errors = CASE
        WHEN CAST($4 AS TEXT) IS NOT DISTINCT FROM give_up_reason THEN errors
        ELSE CASE WHEN jsonb_array_length(errors) >= 10 THEN errors - 0 ELSE errors END
            || jsonb_build_object('attempt', attempt, 'at', CAST($3 AS BIGINT), 'error', CAST($4 AS TEXT))
    END
WHERE id = $1 AND claim = $2 AND state = 'running'
