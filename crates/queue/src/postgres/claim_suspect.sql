-- Takes the most urgent job in quarantine, the least suspect first, of the lanes $2, and passes over those that another worker is
-- taking. $4: nothing runs beside it. A worker that was reaped takes nothing; its row cannot go while the statement runs.
UPDATE job
SET state = 'running',
    worker = $1,
    claim = claim + 1,
    attempt = attempt + 1,
    started_at = $3,
    progress = 0,
    alone = $4
WHERE id = ANY (ARRAY(
    SELECT mine.id
    FROM (SELECT id FROM worker WHERE id = $1 FOR KEY SHARE) AS living
    CROSS JOIN LATERAL (
        SELECT suspect.id FROM job AS suspect
        WHERE suspect.state = 'quarantined' AND suspect.lane = ANY ($2)
        ORDER BY suspect.priority, suspect.crashes, suspect.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED
    ) AS mine
))
RETURNING lane, id, claim, kind, tenant, attempt, max_attempts, give_up_attempts, give_up_reason,
          CAST(payload AS TEXT) AS payload
