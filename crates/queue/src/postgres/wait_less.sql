-- The jobs $1 are completed: who waits for them waits for so many fewer. Taken in their order, so that no two completions
-- wait for each other.
UPDATE job
SET waits = waits - (SELECT count(*) FROM job_dep WHERE child = job.id AND parent = ANY ($1))
WHERE id = ANY (ARRAY(
    SELECT waiting.id FROM job AS waiting
    WHERE waiting.id = ANY (ARRAY(SELECT child FROM job_dep WHERE parent = ANY ($1)))
    ORDER BY waiting.id
    FOR UPDATE
))
