-- Jobs whose time has come, a bounded number at a time so that the writer is soon free again.
UPDATE job
SET state = 'available'
WHERE id IN (SELECT id FROM job WHERE state = 'scheduled' AND run_at <= ?1 ORDER BY run_at LIMIT ?2)
