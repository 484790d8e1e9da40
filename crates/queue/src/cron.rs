//! Jobs that come again by the calendar of a place. Any worker may find that one is due: it moves the row's time on, if
//! nobody has meanwhile, and enqueues the job in the same transaction, so no leader is needed and each time comes once.

mod schedule;

use jiff::{Timestamp, tz::TimeZone};
use uuid::Uuid;

pub use self::schedule::{BadSchedule, Schedule};
use super::{Job, NewJob, Priority, Queue, QueueError, log::log_failure, rows::Draft, store};
use voicemill_sql::{Connection, on};

const SAVE: &str = "INSERT INTO cron (name, expression, zone, next_at, lane, kind, tenant, priority, max_attempts, payload) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
    ON CONFLICT (name) DO UPDATE SET \
        next_at = CASE WHEN cron.expression = excluded.expression AND cron.zone = excluded.zone \
            THEN cron.next_at ELSE excluded.next_at END, \
        expression = excluded.expression, zone = excluded.zone, lane = excluded.lane, kind = excluded.kind, \
        tenant = excluded.tenant, priority = excluded.priority, max_attempts = excluded.max_attempts, \
        payload = excluded.payload";
const REMOVE: &str = "DELETE FROM cron WHERE name = $1";
const DUE: &str = "SELECT name, expression, zone, next_at, lane, kind, tenant, priority, max_attempts, payload \
    FROM cron WHERE next_at <= $1 ORDER BY next_at LIMIT 100";
/// Nobody else has moved it on.
const MOVE_ON: &str = "UPDATE cron SET next_at = $3 WHERE name = $1 AND next_at = $2";

/// The module's statements, to be prepared on both databases.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] =
    &[("save_cron", SAVE), ("remove_cron", REMOVE), ("due_cron", DUE), ("move_on_cron", MOVE_ON)];

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    expression: String,
    zone: String,
    next_at: i64,
    lane: String,
    kind: String,
    tenant: Uuid,
    priority: Priority,
    max_attempts: i32,
    payload: String,
}

impl Row {
    fn next(&self, after: Timestamp) -> Result<Timestamp, QueueError> {
        let schedule: Schedule = self.expression.parse()?;
        let zone = TimeZone::get(&self.zone).map_err(|_| BadSchedule::Zone(self.zone.clone()))?;
        Ok(schedule.next(after, &zone).ok_or(BadSchedule::Never)?)
    }
}

impl Queue {
    /// Has the job come again by the schedule in a time zone (its IANA name), inside the caller's write transaction; the same
    /// name again replaces the one before. While a run of it waits or works, no other joins it; of those that fell into a time
    /// when nobody worked, one is made up for.
    pub async fn repeat<J: Job>(
        &self,
        connection: &mut Connection,
        name: &str,
        schedule: &Schedule,
        zone: &str,
        new: NewJob<'_, J>,
    ) -> Result<(), QueueError> {
        let known = TimeZone::get(zone).map_err(|_| BadSchedule::Zone(zone.to_owned()))?;
        let next = schedule.next(self.clock.now(), &known).ok_or(BadSchedule::Never)?;
        let payload = serde_json::to_string(new.job)?;
        on!(
            connection,
            sqlx::query(SAVE)
                .bind(name)
                .bind(schedule.to_string())
                .bind(zone)
                .bind(next.as_microsecond())
                .bind(J::LANE)
                .bind(J::KIND)
                .bind(new.tenant)
                .bind(new.priority)
                .bind(i32::from(new.max_attempts))
                .bind(&payload)
                .execute(connection)
                .await?
                .rows_affected()
        );
        Ok(())
    }

    /// Has it come no more, inside the caller's write transaction; false if there is none of that name.
    pub async fn no_longer(&self, connection: &mut Connection, name: &str) -> Result<bool, QueueError> {
        Ok(on!(connection, sqlx::query(REMOVE).bind(name).execute(connection).await?.rows_affected()) > 0)
    }

    /// Enqueues what the calendar says is due.
    pub(super) async fn enqueue_due(&self) -> Result<(), QueueError> {
        let now = self.clock.now();
        for row in self.due(now).await? {
            // One that cannot be understood does not keep the others from coming.
            if let Err(error) = self.enqueue_one(&row, now).await {
                log_failure("could not enqueue a job that comes again", &error);
            }
        }
        Ok(())
    }

    /// Apart, so that its connection is given back before one is taken to write: who holds one and waits for another may
    /// wait for his like.
    async fn due(&self, now: Timestamp) -> Result<Vec<Row>, QueueError> {
        let connection = &mut self.database.read().await?;
        Ok(on!(connection, sqlx::query_as(DUE).bind(now.as_microsecond()).fetch_all(connection).await?))
    }

    async fn enqueue_one(&self, row: &Row, now: Timestamp) -> Result<(), QueueError> {
        let next = row.next(now)?.as_microsecond();
        let mut transaction = self.database.begin().await?;
        let connection = transaction.connection();
        let moved = on!(
            connection,
            sqlx::query(MOVE_ON)
                .bind(&row.name)
                .bind(row.next_at)
                .bind(next)
                .execute(connection)
                .await?
                .rows_affected()
        );
        if moved == 0 {
            return Ok(());
        }
        let draft = Draft {
            lane: &row.lane,
            kind: &row.kind,
            tenant: row.tenant,
            priority: row.priority,
            max_attempts: u16::try_from(row.max_attempts).unwrap_or(1),
            run_at: now,
            unique_key: Some(&row.name),
            payload: row.payload.as_str().into(),
            after: Vec::new(),
        };
        store::enqueue(transaction.connection(), &draft, now).await?;
        transaction.commit().await?;
        self.wake();
        Ok(())
    }
}
