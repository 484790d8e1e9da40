-- A waiting job gets its give_up_reason now, a running one is asked to stop; what is already given up is left alone.
UPDATE job
SET cancel = CASE WHEN state = 'running' THEN ?2 END,
    give_up_reason = CASE WHEN state <> 'running' THEN ?2 END,
    run_at = CASE WHEN state = 'running' THEN run_at ELSE ?3 END,
    state = CASE WHEN state = 'running' THEN 'running' ELSE 'available' END
WHERE id = ?1 AND state <> 'discarded' AND give_up_reason IS NULL
