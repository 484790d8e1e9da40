-- The same jobs leave `job`.
DELETE FROM job
WHERE id IN (
    SELECT finished.id
    FROM json_each(?1) AS result
    CROSS JOIN job AS finished ON finished.id = result.value ->> 0
    WHERE finished.claim = result.value ->> 1 AND finished.state = 'running' AND finished.give_up_reason IS NULL AND finished.awaited = ?2
)
