-- A dead letter starts anew, once what it waits for is completed, unless another job with its unique key has taken its place.
UPDATE job
SET state = CASE WHEN waits > 0 THEN 'blocked' ELSE 'available' END,
    run_at = ?2, attempt = 0, give_up_attempts = 0, crashes = 0, lone_crashes = 0, give_up_reason = NULL, progress = 0
WHERE id = ?1 AND state = 'discarded'
  AND NOT EXISTS (
      SELECT 1 FROM job AS heir
      WHERE heir.kind = job.kind AND heir.unique_key = job.unique_key
        AND heir.unique_key IS NOT NULL AND heir.state <> 'discarded'
  )
