-- Jobs whose time has come, suspects into quarantine, a bounded number at a time; those that another worker is promoting are passed over.
UPDATE job
SET state = CASE WHEN crashes >= 2 AND give_up_reason IS NULL THEN 'quarantined' ELSE 'available' END
WHERE id = ANY (ARRAY(
    SELECT due.id FROM job AS due
    WHERE due.state = 'scheduled' AND due.run_at <= $1
    ORDER BY due.run_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
