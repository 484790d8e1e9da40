SELECT lane, kind, state, count(*) AS count, min(run_at) AS oldest
FROM job
GROUP BY lane, kind, state
ORDER BY lane, kind, state
