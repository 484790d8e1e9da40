-- The tenants that wait in one lane with one priority, in order, between two bounds: a loose index scan, which seeks from one
-- tenant to the next in job_ready and so costs the same whether a tenant has one job waiting or twenty thousand.
WITH RECURSIVE waiting (tenant) AS (
    SELECT min(tenant) FROM job
    WHERE state = 'available' AND lane = ?1 AND priority = ?2 AND tenant > ?3
    UNION ALL
    SELECT (
        SELECT min(job.tenant) FROM job
        WHERE state = 'available' AND lane = ?1 AND priority = ?2 AND job.tenant > waiting.tenant
    )
    FROM waiting
    -- The walk ends at the upper bound, or where min() over nothing is NULL.
    WHERE waiting.tenant < ?4
)
SELECT tenant FROM waiting WHERE tenant <= ?4 LIMIT ?5
