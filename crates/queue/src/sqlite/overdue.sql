-- Of each tenant whose bulk work waits in a lane ?1, the oldest job, if it has waited since ?2, and none of that tenant that has
-- aged waits already; at most ?3. A loose index scan, which costs the same whether a tenant has one job waiting or a million.
WITH RECURSIVE waiting (tenant) AS (
    SELECT min(tenant) FROM job WHERE state = 'available' AND lane = ?1 AND priority = 2
    UNION ALL
    SELECT (
        SELECT min(job.tenant) FROM job
        WHERE state = 'available' AND lane = ?1 AND priority = 2 AND job.tenant > waiting.tenant
    )
    FROM waiting WHERE waiting.tenant IS NOT NULL
)
SELECT oldest.id
FROM waiting
-- CROSS JOIN pins the order: from the tenant to its job.
CROSS JOIN job AS oldest ON oldest.id = (
    SELECT first.id FROM job AS first
    WHERE first.state = 'available' AND first.lane = ?1 AND first.priority = 2 AND first.tenant = waiting.tenant
    ORDER BY first.id LIMIT 1
)
WHERE oldest.run_at <= ?2
  AND NOT EXISTS (
      SELECT 1 FROM job AS ahead
      WHERE ahead.state = 'available' AND ahead.aged = 1 AND ahead.lane = ?1 AND ahead.tenant = waiting.tenant
  )
LIMIT ?3
