-- A running job goes back, to be claimed at $3. Who was asked to cancel it meanwhile gets that as its give_up_reason, at once.
UPDATE job
SET state = CASE
        WHEN cancel IS NOT NULL THEN 'available'
        WHEN CAST($3 AS BIGINT) > CAST($4 AS BIGINT) THEN 'scheduled'
        -- Handed back unfinished, it is as suspect as before.
        WHEN NOT CAST($5 AS BOOLEAN) AND crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined'
        ELSE 'available'
    END,
    run_at = CASE WHEN cancel IS NOT NULL THEN CAST($4 AS BIGINT) ELSE CAST($3 AS BIGINT) END,
    -- An attempt that does not count is taken back; `claim`, the fencing number, is not.
    attempt = attempt - CASE WHEN NOT CAST($5 AS BOOLEAN) AND give_up_reason IS NULL THEN 1 ELSE 0 END,
    give_up_attempts = give_up_attempts - CASE WHEN NOT CAST($5 AS BOOLEAN) AND give_up_reason IS NOT NULL THEN 1 ELSE 0 END,
    -- An attempt that ended, however it did, has shown that it does not kill.
    crashes = CASE WHEN CAST($6 AS BOOLEAN) THEN crashes + 1 WHEN CAST($5 AS BOOLEAN) THEN 0 ELSE crashes END,
    lone_crashes = CASE WHEN CAST($8 AS BOOLEAN) THEN lone_crashes + 1
        WHEN CAST($6 AS BOOLEAN) OR CAST($5 AS BOOLEAN) THEN 0 ELSE lone_crashes END,
    alone = FALSE,
    give_up_reason = coalesce(give_up_reason, cancel),
    cancel = NULL,
    worker = NULL,
    errors = CASE
        WHEN CAST($7 AS TEXT) IS NULL THEN errors
        -- Ten are kept; the oldest goes.
        ELSE CASE WHEN jsonb_array_length(errors) >= 10 THEN errors - 0 ELSE errors END
            || jsonb_build_object('attempt', attempt, 'at', CAST($4 AS BIGINT), 'error', CAST($7 AS TEXT))
    END
WHERE id = $1 AND claim = $2 AND state = 'running'
