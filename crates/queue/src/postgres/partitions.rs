//! The days of `done`.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sqlx::AssertSqlSafe;

use super::Store;
use crate::QueueError;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Days are made by one worker at a time; a lock of the transaction, by the first bytes of "done".
const LOCK: &str = "SELECT pg_advisory_xact_lock(1685024357)";
const DAYS: &str = "SELECT CAST(inhrelid AS REGCLASS)::TEXT FROM pg_inherits WHERE inhparent = 'done'::REGCLASS";
const DELETE_OTHERS: &str =
    "DELETE FROM done_other WHERE ctid = ANY (ARRAY(SELECT ctid FROM done_other WHERE finished_at < $1 LIMIT $2))";
/// Somebody reads or writes the table for long: then it is tried again later, and nobody queues up behind us.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";

impl Store {
    /// Makes the partitions of today and tomorrow, unless they are there.
    pub(super) async fn make_partitions(&self, now: Timestamp) -> Result<(), QueueError> {
        let days = [now, now.saturating_add(DAY).unwrap_or(now)].map(Day::of);
        let there: Vec<String> = sqlx::query_scalar(DAYS).fetch_all(&self.database.pool).await?;
        for day in days {
            if there.contains(&day.table()) {
                continue;
            }
            let mut transaction = self.database.pool.begin().await?;
            sqlx::query(LOCK).execute(&mut *transaction).await?;
            sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
            let made = sqlx::query(AssertSqlSafe(day.make())).execute(&mut *transaction).await;
            match made {
                Ok(_) => transaction.commit().await?,
                // Rows of that day are among the others already, and stay there.
                Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "no partition {}", day.table()),
            }
        }
        Ok(())
    }

    /// Drops the days that ended before this moment, and makes the coming ones.
    pub(crate) async fn prune(&self, before: Timestamp, limit: u32, now: Timestamp) -> Result<u64, QueueError> {
        self.make_partitions(now).await?;
        let there: Vec<String> = sqlx::query_scalar(DAYS).fetch_all(&self.database.pool).await?;
        for day in there.iter().filter_map(|table| Day::from_table(table)) {
            if day.end() <= before {
                let mut transaction = self.database.pool.begin().await?;
                sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
                sqlx::query(AssertSqlSafe(format!("DROP TABLE IF EXISTS {}", day.table())))
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
            }
        }
        let query = sqlx::query(DELETE_OTHERS).bind(before.as_microsecond()).bind(i64::from(limit));
        Ok(query.execute(&self.database.pool).await?.rows_affected())
    }
}

/// A day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Day(jiff::civil::Date);

impl Day {
    fn of(moment: Timestamp) -> Self {
        Self(moment.to_zoned(TimeZone::UTC).date())
    }

    fn table(self) -> String {
        self.0.strftime("done_%Y%m%d").to_string()
    }

    fn from_table(table: &str) -> Option<Self> {
        jiff::civil::Date::strptime("done_%Y%m%d", table).ok().map(Self)
    }

    fn start(self) -> Timestamp {
        self.0.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |day| day.timestamp())
    }

    fn end(self) -> Timestamp {
        self.start().saturating_add(DAY).unwrap_or(Timestamp::MAX)
    }

    /// The statement that makes its partition.
    fn make(self) -> String {
        let (start, end) = (self.start().as_microsecond(), self.end().as_microsecond());
        format!("CREATE TABLE IF NOT EXISTS {} PARTITION OF done FOR VALUES FROM ({start}) TO ({end})", self.table())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_named_and_bounded_in_utc() {
        let day = Day::of("2026-11-26T23:59:59.999999Z".parse().unwrap());
        assert_eq!(day.table(), "done_20261126");
        assert_eq!(Day::from_table("done_20261126"), Some(day));
        assert_eq!(Day::from_table("done_other"), None);
        assert_eq!(
            (day.start().to_string(), day.end().to_string()),
            ("2026-11-26T00:00:00Z".into(), "2026-11-27T00:00:00Z".into())
        );
    }
}
