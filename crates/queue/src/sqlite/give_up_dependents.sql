-- The dead letter ?1 is removed: who is blocked by it is given up, for the reason ?2. Nobody waits for it any more.
UPDATE job
SET waits = waits - 1,
    give_up_reason = CASE WHEN state = 'blocked' THEN ?2 ELSE give_up_reason END,
    run_at = CASE WHEN state = 'blocked' THEN ?3 ELSE run_at END,
    state = CASE WHEN state = 'blocked' THEN 'available' ELSE state END
WHERE id IN (SELECT child FROM job_dep WHERE parent = ?1)
