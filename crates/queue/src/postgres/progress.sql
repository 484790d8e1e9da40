UPDATE job
SET progress = change.progress
FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[]), CAST($3 AS DOUBLE PRECISION[])) AS change (id, claim, progress)
WHERE job.id = change.id AND job.claim = change.claim AND job.state = 'running'
