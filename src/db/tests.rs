//! The schema and every statement, on both databases.

use sqlx::{AssertSqlSafe, Column, Either, Executor, SqlSafeStr, Statement};
use voicemill_testing::TestDatabase;

use crate::db::*;

/// An open database of either kind, and what goes with it.
struct Opened {
    database: Database,
    address: DatabaseUrl,
    _folder: tempfile::TempDir,
    _server: Option<TestDatabase>,
}

async fn opened(kind: Kind) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let server = (kind == Kind::Postgres).then(TestDatabase::new);
    let address = match &server {
        None => DatabaseUrl::Sqlite(folder.path().join("test.db")),
        Some(server) => server.url().parse().unwrap(),
    };
    let database = open(&address, 4).await.unwrap();
    Opened { database, address, _folder: folder, _server: server }
}

/// What a statement takes and gives: the number of its parameters and the names of its columns.
async fn shape(connection: &mut Connection, name: &str, sql: &'static str) -> (usize, Vec<String>) {
    let shape: sqlx::Result<_> = on!(
        connection,
        connection.prepare(sql.into_sql_str()).await.map(|statement| {
            let parameters = match statement.parameters() {
                Some(Either::Left(types)) => types.len(),
                Some(Either::Right(count)) => count,
                None => 0,
            };
            (parameters, statement.columns().iter().map(|column| column.name().to_owned()).collect())
        })
    );
    shape.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn every_statement_is_the_same_on_both() {
    let (sqlite, postgres) = (opened(Kind::Sqlite).await, opened(Kind::Postgres).await);
    let (mut sqlite, mut postgres) = (sqlite.database.read().await.unwrap(), postgres.database.read().await.unwrap());
    let lists = [
        crate::media::blobs::STATEMENTS,
        crate::domains::rows::STATEMENTS,
        crate::keys::rows::STATEMENTS,
        crate::links::rows::STATEMENTS,
        crate::mail_templates::rows::STATEMENTS,
        crate::mailboxes::rows::STATEMENTS,
        crate::messages::rows::STATEMENTS,
        crate::messages::list::STATEMENTS,
        crate::notices::rows::STATEMENTS,
        crate::prompts::rows::STATEMENTS,
        crate::prompts::version_rows::STATEMENTS,
        crate::prompts::uses::STATEMENTS,
        crate::playlists::rows::STATEMENTS,
        crate::pronunciations::rows::STATEMENTS,
        crate::recordings::rows::STATEMENTS,
        crate::media::rows::STATEMENTS,
        crate::media::state::STATEMENTS,
        crate::events::rows::STATEMENTS,
        crate::service_numbers::rows::STATEMENTS,
        crate::notices::sms_limits::STATEMENTS,
        crate::prompts::spoken::STATEMENTS,
        crate::messages::trash::STATEMENTS,
        crate::messages::purge::STATEMENTS,
        crate::mailboxes::usage::STATEMENTS,
        crate::retention::STATEMENTS,
        crate::retention::holds::STATEMENTS,
        crate::retention::deletions::STATEMENTS,
        crate::mailboxes::groups::STATEMENTS,
        crate::mailboxes::counts::STATEMENTS,
        crate::webhooks::rows::STATEMENTS,
        crate::audit::rows::STATEMENTS,
        crate::idempotency::rows::STATEMENTS,
    ];
    for (name, sql) in lists.concat() {
        assert_eq!(shape(&mut sqlite, name, sql).await, shape(&mut postgres, name, sql).await, "{name}");
    }
}

async fn columns(connection: &mut Connection, table: &str) -> Vec<String> {
    let sql = AssertSqlSafe(format!("SELECT * FROM {table}")).into_sql_str();
    let columns: sqlx::Result<Vec<String>> = on!(
        connection,
        connection.prepare(sql).await.map(|statement| statement
            .columns()
            .iter()
            .map(|column| column.name().to_owned())
            .collect())
    );
    columns.unwrap()
}

#[tokio::test]
async fn every_table_is_the_same_on_both() {
    let (sqlite, postgres) = (opened(Kind::Sqlite).await, opened(Kind::Postgres).await);
    let (mut sqlite, mut postgres) = (sqlite.database.read().await.unwrap(), postgres.database.read().await.unwrap());
    let Connection::Sqlite(connection) = &mut sqlite else { unreachable!() };
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut **connection).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    for table in tables {
        assert_eq!(columns(&mut sqlite, &table).await, columns(&mut postgres, &table).await, "{table}");
    }
}

async fn opening_twice_migrates_once(kind: Kind) {
    let first = opened(kind).await;
    assert_eq!(migrate(&first.database).await.unwrap(), Vec::<&str>::new());
    let second = open(&first.address, 4).await.unwrap();
    assert_eq!(second.kind(), kind);
}

#[tokio::test]
async fn opening_twice_migrates_once_on_sqlite() {
    opening_twice_migrates_once(Kind::Sqlite).await;
}

#[tokio::test]
async fn opening_twice_migrates_once_on_postgres() {
    opening_twice_migrates_once(Kind::Postgres).await;
}

async fn many_that_start_at_once_migrate_once(address: &DatabaseUrl) {
    let opening: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let address = address.clone();
                async move { open(&address, 2).await }
            })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_start_at_once_migrate_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    // Which of them meets the others where is a matter of luck.
    for round in 0..10 {
        many_that_start_at_once_migrate_once(&DatabaseUrl::Sqlite(folder.path().join(format!("{round}.db")))).await;
    }
}

#[tokio::test]
async fn many_that_start_at_once_migrate_once_on_postgres() {
    let server = TestDatabase::new();
    many_that_start_at_once_migrate_once(&server.url().parse().unwrap()).await;
}

#[tokio::test]
async fn the_server_says_who_it_is() {
    for (kind, name) in [(Kind::Sqlite, "SQLite 3."), (Kind::Postgres, "PostgreSQL ")] {
        let opened = opened(kind).await;
        let server = opened.database.server().await.unwrap();
        assert!(server.version.starts_with(name), "{}", server.version);
        assert_eq!(server.warnings, Vec::<String>::new());
    }
}
