-- A waiting job comes forward to $3; one that is due earlier, or runs, is left alone.
UPDATE job
SET run_at = $3,
    state = CASE
        WHEN state = 'blocked' THEN state
        WHEN CAST($3 AS BIGINT) <= CAST($4 AS BIGINT) THEN CASE WHEN crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined' ELSE 'available' END
        ELSE 'scheduled'
    END
WHERE kind = $1 AND unique_key = $2 AND unique_key IS NOT NULL AND state <> 'discarded'
  -- In a CASE, or where little is scheduled the job would be looked for among all that is.
  AND CASE WHEN state IN ('scheduled', 'blocked') THEN run_at > $3 ELSE FALSE END
