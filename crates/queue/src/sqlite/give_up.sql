-- A running job is given up: its next claim, due at once, tells the owner why.
UPDATE job
SET state = 'available',
    run_at = ?3,
    give_up_reason = ?4,
    crashes = 0,
    lone_crashes = 0,
    alone = 0,
    cancel = NULL,
    worker = NULL,
    errors = CASE
        WHEN json_array_length(errors) >= 10 THEN json_insert(json_remove(errors, '$[0]'), '$[#]', json_object('attempt', attempt, 'at', ?3, 'error', ?4))
        ELSE json_insert(errors, '$[#]', json_object('attempt', attempt, 'at', ?3, 'error', ?4))
    END
WHERE id = ?1 AND claim = ?2 AND state = 'running'
