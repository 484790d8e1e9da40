-- Takes the most urgent job in quarantine, the least suspect first, of the lanes ?2 (a JSON array of names). ?4: nothing runs beside it.
UPDATE job
SET state = 'running',
    worker = ?1,
    claim = claim + 1,
    attempt = attempt + 1,
    started_at = ?3,
    progress = 0,
    alone = ?4
WHERE id = (
    SELECT suspect.id FROM job AS suspect
    WHERE suspect.state = 'quarantined' AND suspect.lane IN (SELECT value FROM json_each(?2))
    ORDER BY suspect.priority, suspect.crashes, suspect.id
    LIMIT 1
)
RETURNING lane, id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason, payload
