//! What both databases promise, each shown on SQLite and on a PostgreSQL server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use uuid::Uuid;
use voicemill_sql::{Connection, Database, DatabaseUrl, DbError, Kind, on};
use voicemill_testing::TestDatabase;

const CREATE: &str = "CREATE TABLE item (name text PRIMARY KEY, owner bigint)";
const INSERT: &str = "INSERT INTO item (name, owner) VALUES ($1, 1)";
const COUNT: &str = "SELECT count(*) FROM item";

/// An empty table, and what must outlive it.
struct Table {
    database: Database,
    _folder: tempfile::TempDir,
    _server: Option<TestDatabase>,
}

async fn tables() -> [Table; 2] {
    let server = TestDatabase::new();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = DatabaseUrl::Sqlite(first.path().join("test.db"));
    let tables = [(file, first, None), (server.url().parse().unwrap(), second, Some(server))];
    let mut made = Vec::new();
    for (url, folder, server) in tables {
        let database = Database::connect(&url, 4).await.unwrap();
        let mut transaction = database.begin().await.unwrap();
        execute(transaction.connection(), CREATE).await.unwrap();
        transaction.commit().await.unwrap();
        made.push(Table { database, _folder: folder, _server: server });
    }
    made.try_into().unwrap_or_else(|_| panic!("there are two databases"))
}

async fn execute(connection: &mut Connection, statement: &'static str) -> Result<(), DbError> {
    on!(connection, sqlx::query(statement).execute(connection).await.map(drop)?);
    Ok(())
}

async fn insert(connection: &mut Connection, name: &str) -> Result<(), DbError> {
    on!(connection, sqlx::query(INSERT).bind(name).execute(connection).await.map(drop)?);
    Ok(())
}

async fn count(connection: &mut Connection) -> i64 {
    let count: Result<i64, DbError> =
        async { Ok(on!(connection, sqlx::query_scalar(COUNT).fetch_one(connection).await?)) }.await;
    count.unwrap()
}

#[tokio::test]
async fn a_transaction_is_there_whole_when_committed_and_not_at_all_when_dropped() {
    for Table { database, .. } in &tables().await {
        let mut dropped = database.begin().await.unwrap();
        insert(dropped.connection(), "a").await.unwrap();
        drop(dropped);
        let mut committed = database.begin().await.unwrap();
        insert(committed.connection(), "b").await.unwrap();
        insert(committed.connection(), "c").await.unwrap();
        assert_eq!(count(&mut database.read().await.unwrap()).await, 0, "{}: nobody sees half of it", database.kind());
        committed.commit().await.unwrap();
        assert_eq!(count(&mut database.read().await.unwrap()).await, 2, "{}", database.kind());
    }
}

#[tokio::test]
async fn what_is_to_follow_a_commit_follows_it_and_nothing_else() {
    for Table { database, .. } in &tables().await {
        let done = Arc::new(AtomicUsize::new(0));
        let counting = || {
            let done = Arc::clone(&done);
            move || _ = done.fetch_add(1, Ordering::SeqCst)
        };
        let mut dropped = database.begin().await.unwrap();
        dropped.after_commit(counting());
        drop(dropped);
        assert_eq!(done.load(Ordering::SeqCst), 0, "{}", database.kind());
        let mut committed = database.begin().await.unwrap();
        committed.after_commit(counting());
        committed.commit().await.unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1, "{}", database.kind());
    }
}

#[tokio::test]
async fn a_snapshot_is_a_view_of_one_moment() {
    for Table { database, .. } in &tables().await {
        let mut snapshot = database.snapshot().await.unwrap();
        assert_eq!(count(snapshot.connection()).await, 0);
        let mut writes = database.begin().await.unwrap();
        insert(writes.connection(), "a").await.unwrap();
        writes.commit().await.unwrap();
        assert_eq!(count(snapshot.connection()).await, 0, "{}", database.kind());
        assert!(insert(snapshot.connection(), "b").await.is_err(), "{}: it only reads", database.kind());
    }
}

#[tokio::test]
async fn a_unique_key_that_stands_is_a_conflict_and_not_worth_another_try() {
    for Table { database, .. } in &tables().await {
        let mut transaction = database.begin().await.unwrap();
        insert(transaction.connection(), "a").await.unwrap();
        let error = insert(transaction.connection(), "a").await.unwrap_err();
        assert!(error.is_conflict() && !error.is_transient(), "{}: {error}", database.kind());
    }
}

#[tokio::test]
async fn text_that_postgres_cannot_store_is_told_from_other_errors() {
    for Table { database, .. } in &tables().await {
        let mut transaction = database.begin().await.unwrap();
        match (database.kind(), insert(transaction.connection(), "a\u{0}b").await) {
            (Kind::Postgres, Err(error)) => assert!(error.is_unstorable_text() && !error.is_transient(), "{error}"),
            (Kind::Sqlite, stored) => stored.unwrap(),
            (Kind::Postgres, Ok(())) => panic!("PostgreSQL stores it now: nothing is left to refuse"),
        }
        drop(transaction);
        let mut transaction = database.begin().await.unwrap();
        let error = execute(transaction.connection(), "SELECT nothing FROM nowhere").await.unwrap_err();
        assert!(!error.is_transient() && !error.is_conflict() && !error.is_unstorable_text(), "{error}");
    }
}

#[tokio::test]
async fn a_database_that_is_closed_is_worth_another_try() {
    for Table { database, .. } in &tables().await {
        match database {
            Database::Sqlite(pools) => pools.write.close().await,
            Database::Postgres(postgres) => postgres.pool.close().await,
        }
        assert!(database.begin().await.unwrap_err().is_transient(), "{}", database.kind());
    }
}

#[tokio::test]
async fn what_one_transaction_has_locked_another_waits_for() {
    let name = Uuid::from_u128(7);
    for Table { database, .. } in &tables().await {
        let mut first = database.begin().await.unwrap();
        first.connection().lock(name).await.unwrap();
        let second = tokio::spawn({
            let database = database.clone();
            async move {
                let mut second = database.begin().await.unwrap();
                second.connection().lock(name).await.unwrap();
                // What the first wrote under the lock is there.
                let seen = count(second.connection()).await;
                second.commit().await.unwrap();
                seen
            }
        });
        until_it_waits(database).await;
        insert(first.connection(), "a").await.unwrap();
        first.commit().await.unwrap();
        assert_eq!(second.await.unwrap(), 1, "{}", database.kind());
    }
}

/// Waits until a transaction waits for the lock, where the database can say so; in SQLite it waits to begin.
async fn until_it_waits(database: &Database) {
    const WAITING: &str = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
         WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
    match database {
        Database::Sqlite(_) => tokio::task::yield_now().await,
        Database::Postgres(postgres) => {
            let waiting = async || sqlx::query_scalar::<_, i64>(WAITING).fetch_one(&postgres.pool).await.unwrap();
            while waiting().await == 0 {
                tokio::task::yield_now().await;
            }
        }
    }
}

#[tokio::test]
async fn a_server_tells_what_it_is() {
    for Table { database, .. } in &tables().await {
        let server = database.server().await.unwrap();
        assert!(server.version.starts_with(&database.kind().to_string()), "{server:?}");
        assert_eq!(server.warnings, Vec::<String>::new());
    }
}
