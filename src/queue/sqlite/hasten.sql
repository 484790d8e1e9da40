-- A waiting job comes forward to ?3; one that is due earlier, or runs, is left alone.
UPDATE job
SET run_at = ?3,
    state = CASE WHEN ?3 <= ?4 THEN 'available' ELSE 'scheduled' END
WHERE kind = ?1 AND unique_key = ?2 AND state <> 'discarded'
  AND state = 'scheduled' AND run_at > ?3
