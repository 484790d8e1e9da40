-- The jobs ?1, a JSON array, are completed: who waits for them waits for so many fewer.
UPDATE job
SET waits = waits - (
    SELECT count(*) FROM job_dep WHERE child = job.id AND parent IN (SELECT value FROM json_each(?1))
)
WHERE id IN (SELECT dep.child FROM json_each(?1) AS result CROSS JOIN job_dep AS dep ON dep.parent = result.value)
