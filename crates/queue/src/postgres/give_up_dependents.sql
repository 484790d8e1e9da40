-- The dead letter $1 is removed: who is blocked by it is given up, for the reason $2. Nobody waits for it any more.
UPDATE job
SET waits = waits - 1,
    give_up_reason = CASE WHEN state = 'blocked' THEN CAST($2 AS TEXT) ELSE give_up_reason END,
    run_at = CASE WHEN state = 'blocked' THEN CAST($3 AS BIGINT) ELSE run_at END,
    state = CASE WHEN state = 'blocked' THEN 'available' ELSE state END
WHERE id = ANY (ARRAY(
    SELECT waiting.id FROM job AS waiting
    WHERE waiting.id = ANY (ARRAY(SELECT child FROM job_dep WHERE parent = $1))
    ORDER BY waiting.id
    FOR UPDATE
))
