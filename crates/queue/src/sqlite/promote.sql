-- Jobs whose time has come, suspects into quarantine, a bounded number at a time so that the writer is soon free again.
UPDATE job
SET state = CASE WHEN crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined' ELSE 'available' END
WHERE id IN (SELECT id FROM job WHERE state = 'scheduled' AND run_at <= ?1 ORDER BY run_at LIMIT ?2)
