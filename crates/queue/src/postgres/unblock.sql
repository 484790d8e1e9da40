-- Of those that waited for the jobs $1, who waits for nothing more may start, once it is due.
UPDATE job
SET run_at = greatest(run_at, CAST($2 AS BIGINT)),
    state = CASE WHEN run_at <= CAST($2 AS BIGINT) THEN 'available' ELSE 'scheduled' END
WHERE id = ANY (ARRAY(SELECT child FROM job_dep WHERE parent = ANY ($1))) AND state = 'blocked' AND waits = 0
