-- The tenants that wait in a lane, up to $4 for each of the priorities $2, each list beginning after its cursor $3 and going
-- round to it: loose index scans, which seek from one tenant to the next in job_ready and so cost the same whether a tenant
-- has one job waiting or a million.
SELECT turn.priority, waiting.tenant
FROM unnest(CAST($2 AS INTEGER[]), CAST($3 AS UUID[])) AS turn (priority, cursor)
CROSS JOIN LATERAL (
    WITH RECURSIVE after (tenant) AS (
        (
            SELECT tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = turn.priority AND tenant > turn.cursor
            ORDER BY tenant LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = turn.priority AND job.tenant > after.tenant
            ORDER BY job.tenant LIMIT 1
        )
        FROM after
        WHERE after.tenant IS NOT NULL
    ),
    before (tenant) AS (
        (
            SELECT tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = turn.priority
            ORDER BY tenant LIMIT 1
        )
        UNION ALL
        SELECT (
            SELECT job.tenant FROM job
            WHERE state = 'available' AND lane = $1 AND priority = turn.priority AND job.tenant > before.tenant
            ORDER BY job.tenant LIMIT 1
        )
        FROM before
        WHERE before.tenant < turn.cursor
    )
    SELECT tenant FROM after WHERE tenant IS NOT NULL
    UNION ALL
    SELECT tenant FROM before WHERE tenant <= turn.cursor
    LIMIT $4
) AS waiting
