-- Jobs whose time has come, a bounded number at a time; those that another worker is promoting are passed over.
UPDATE job
SET state = 'available'
WHERE id = ANY (ARRAY(
    SELECT due.id FROM job AS due
    WHERE due.state = 'scheduled' AND due.run_at <= $1
    ORDER BY due.run_at
    LIMIT $2
    FOR UPDATE SKIP LOCKED
))
