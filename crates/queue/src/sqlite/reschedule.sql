-- A running job goes back, to be claimed at ?3. Who was asked to cancel it meanwhile gets that as its give_up_reason, at once.
UPDATE job
SET state = CASE
        WHEN cancel IS NOT NULL THEN 'available'
        WHEN ?3 > ?4 THEN 'scheduled'
        -- Handed back unfinished, it is as suspect as before.
        WHEN NOT ?5 AND crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined'
        ELSE 'available'
    END,
    run_at = CASE WHEN cancel IS NOT NULL THEN ?4 ELSE ?3 END,
    -- An attempt that does not count is taken back; `claim`, the fencing number, is not.
    attempt = attempt - (NOT ?5 AND give_up_reason IS NULL),
    give_up_attempts = give_up_attempts - (NOT ?5 AND give_up_reason IS NOT NULL),
    -- An attempt that ended, however it did, has shown that it does not kill.
    crashes = CASE WHEN ?6 THEN crashes + 1 WHEN ?5 THEN 0 ELSE crashes END,
    lone_crashes = CASE WHEN ?8 THEN lone_crashes + 1 WHEN ?6 OR ?5 THEN 0 ELSE lone_crashes END,
    alone = 0,
    give_up_reason = coalesce(give_up_reason, cancel),
    cancel = NULL,
    worker = NULL,
    errors = CASE
        WHEN ?7 IS NULL THEN errors
        -- Ten are kept; the oldest goes.
        WHEN json_array_length(errors) >= 10 THEN json_insert(json_remove(errors, '$[0]'), '$[#]', json_object('attempt', attempt, 'at', ?4, 'error', ?7))
        ELSE json_insert(errors, '$[#]', json_object('attempt', attempt, 'at', ?4, 'error', ?7))
    END
WHERE id = ?1 AND claim = ?2 AND state = 'running'
