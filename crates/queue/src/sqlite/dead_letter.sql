-- A running job becomes a dead letter; the first give_up_reason stands.
UPDATE job
SET state = 'discarded',
    alone = 0,
    give_up_reason = coalesce(give_up_reason, ?4),
    cancel = NULL,
    worker = NULL,
    errors = CASE
        WHEN ?4 IS give_up_reason THEN errors
        WHEN json_array_length(errors) >= 10 THEN json_insert(json_remove(errors, '$[0]'), '$[#]', json_object('attempt', attempt, 'at', ?3, 'error', ?4))
        ELSE json_insert(errors, '$[#]', json_object('attempt', attempt, 'at', ?3, 'error', ?4))
    END
WHERE id = ?1 AND claim = ?2 AND state = 'running'
