-- A waiting job comes forward to ?3; one that is due earlier, or runs, is left alone.
UPDATE job
SET run_at = ?3,
    state = CASE
        WHEN state = 'blocked' THEN state
        WHEN ?3 <= ?4 THEN CASE WHEN crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined' ELSE 'available' END
        ELSE 'scheduled'
    END
WHERE kind = ?1 AND unique_key = ?2 AND state <> 'discarded'
  AND state IN ('scheduled', 'blocked') AND run_at > ?3
