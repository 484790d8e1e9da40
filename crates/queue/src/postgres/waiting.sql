-- The tenants that wait in a lane, at most $6, in the order of the given stretches of job_ready: in each, of a priority $2,
-- those from behind a job ($3 its tenant, $4 its id) up to a tenant $5. A loose index scan, which seeks from one tenant to
-- the next and so costs the same whether a tenant has one job waiting or a million.
SELECT stretch.priority, waiting.tenant
FROM unnest(CAST($2 AS INTEGER[]), CAST($3 AS UUID[]), CAST($4 AS BIGINT[]), CAST($5 AS UUID[]))
    AS stretch (priority, behind_tenant, behind_id, up_to)
CROSS JOIN LATERAL (
    WITH RECURSIVE seek (tenant) AS (
        (
            SELECT tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = stretch.priority
              AND (tenant, id) > (stretch.behind_tenant, stretch.behind_id) AND tenant <= stretch.up_to
            ORDER BY tenant, id LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = stretch.priority
              AND job.tenant > seek.tenant AND job.tenant <= stretch.up_to
            ORDER BY job.tenant LIMIT 1
        )
        FROM seek
        WHERE seek.tenant IS NOT NULL
    )
    SELECT tenant FROM seek WHERE tenant IS NOT NULL
) AS waiting
LIMIT $6
