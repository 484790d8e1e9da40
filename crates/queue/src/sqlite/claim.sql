-- Takes up to ?5 of the oldest jobs of each of the given tenants (a JSON array of hexadecimal ids) in one lane with one priority.
UPDATE job
SET state = 'running',
    worker = ?1,
    claim = claim + 1,
    -- A claim that only tells the owner the give_up_reason is no attempt at the work.
    attempt = attempt + (give_up_reason IS NULL),
    give_up_attempts = give_up_attempts + (give_up_reason IS NOT NULL),
    started_at = ?6,
    progress = 0,
    alone = 0
WHERE id IN (
    SELECT mine.id
    FROM json_each(?4) AS asked
    -- CROSS JOIN pins the order: for each tenant, a seek in job_ready; never the other way round.
    CROSS JOIN job AS mine ON mine.id IN (
        SELECT oldest.id FROM job AS oldest
        WHERE oldest.state = 'available' AND oldest.lane = ?2 AND oldest.priority = ?3
          AND oldest.tenant = unhex(asked.value)
        ORDER BY oldest.id
        LIMIT ?5
    )
)
RETURNING id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason, payload
