-- Of each tenant whose bulk work waits in a lane $1, the oldest job, if it has waited since $2, and none of that tenant that has
-- aged waits already; at most $3. A loose index scan, which costs the same whether a tenant has one job waiting or a million.
WITH RECURSIVE waiting (tenant) AS (
    (
        SELECT tenant FROM job WHERE state = 'available' AND lane = $1 AND priority = 2
        ORDER BY tenant, id LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT job.tenant FROM job
        WHERE state = 'available' AND lane = $1 AND priority = 2 AND job.tenant > waiting.tenant
        ORDER BY job.tenant, job.id LIMIT 1
    )
    FROM waiting WHERE waiting.tenant IS NOT NULL
)
SELECT oldest.id
FROM waiting
CROSS JOIN LATERAL (
    SELECT first.id, first.run_at FROM job AS first
    WHERE first.state = 'available' AND first.lane = $1 AND first.priority = 2
      -- Not "=" and ORDER BY id: that could be had from the primary key, past every other tenant's jobs.
      AND first.tenant >= waiting.tenant AND first.tenant <= waiting.tenant
    ORDER BY first.tenant, first.id LIMIT 1
) AS oldest
WHERE oldest.run_at <= $2
  AND NOT EXISTS (
      SELECT 1 FROM job AS ahead
      WHERE ahead.state = 'available' AND ahead.aged AND ahead.lane = $1 AND ahead.tenant = waiting.tenant
  )
LIMIT $3
