-- Takes up to $6 of the oldest jobs of each of the tenants $4 in one lane with one priority, but none up to the tenant's
-- watermark $5, and passes over those that another worker is taking. A worker that was reaped takes nothing; its row cannot go
-- while the statement runs.
UPDATE job
SET state = 'running',
    worker = $1,
    claim = claim + 1,
    -- A claim that only tells the owner the give_up_reason is no attempt at the work.
    attempt = attempt + CASE WHEN give_up_reason IS NULL THEN 1 ELSE 0 END,
    give_up_attempts = give_up_attempts + CASE WHEN give_up_reason IS NULL THEN 0 ELSE 1 END,
    started_at = $7,
    progress = 0,
    alone = FALSE
-- An array, because a join may be planned from the wrong side.
WHERE id = ANY (ARRAY(
    SELECT mine.id
    FROM (SELECT id FROM worker WHERE id = $1 FOR KEY SHARE) AS living
    CROSS JOIN unnest(CAST($4 AS UUID[]), CAST($5 AS BIGINT[])) AS asked (tenant, watermark)
    CROSS JOIN LATERAL (
        SELECT oldest.id FROM job AS oldest
        WHERE oldest.state = 'available' AND oldest.lane = $2 AND oldest.priority = $3
          -- Not "=" and ORDER BY id: that could be had from the primary key, past every other tenant's jobs.
          AND (oldest.tenant, oldest.id) > (asked.tenant, asked.watermark) AND oldest.tenant <= asked.tenant
        ORDER BY oldest.tenant, oldest.id
        LIMIT $6
        FOR UPDATE SKIP LOCKED
    ) AS mine
))
RETURNING id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason, CAST(payload AS TEXT) AS payload
