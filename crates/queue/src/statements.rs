//! Every statement of the queue, prepared one by one on its database; those that both have take and give the same.

use sqlx::{Column, Either, Executor, SqlSafeStr, Statement};

use super::{cron, migrate, outlook, pause, postgres, sqlite};
use voicemill_sql::{Connection, Database, DatabaseUrl, on};
use voicemill_testing::TestDatabase;

async fn with_schema(address: &DatabaseUrl) -> Database {
    let database = Database::connect(address, 2).await.unwrap();
    assert_eq!(migrate(&database).await.unwrap(), ["queue"]);
    assert!(migrate(&database).await.unwrap().is_empty(), "a step was taken twice");
    database
}

/// The number of a statement's parameters, and the names of its columns.
async fn shape(connection: &mut Connection, name: &str, sql: &'static str) -> (usize, Vec<String>) {
    let shape: sqlx::Result<_> = on!(
        connection,
        connection.prepare(sql.into_sql_str()).await.map(|statement| {
            let parameters = statement.parameters().map_or(0, |parameters| match parameters {
                Either::Left(types) => types.len(),
                Either::Right(count) => count,
            });
            (parameters, statement.columns().iter().map(|column| column.name().to_owned()).collect())
        })
    );
    shape.unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn every_statement_prepares_and_takes_and_gives_the_same_on_both() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestDatabase::new();
    let on_sqlite = with_schema(&DatabaseUrl::Sqlite(folder.path().join("queue.db"))).await;
    let on_postgres = with_schema(&server.url().parse().unwrap()).await;
    let (mut on_sqlite, mut on_postgres) = (on_sqlite.read().await.unwrap(), on_postgres.read().await.unwrap());
    for (&(name, here), &(also, there)) in sqlite::plans::STATEMENTS.iter().zip(postgres::plans::STATEMENTS) {
        assert_eq!(name, also);
        let here = shape(&mut on_sqlite, name, here).await;
        let there = shape(&mut on_postgres, name, there).await;
        assert_eq!(here, there, "{name}");
    }
    for &(name, sql) in [cron::STATEMENTS, outlook::STATEMENTS, pause::STATEMENTS].concat().iter() {
        let here = shape(&mut on_sqlite, name, sql).await;
        let there = shape(&mut on_postgres, name, sql).await;
        assert_eq!(here.1.len(), there.1.len(), "{name}");
    }
    for (name, sql) in sqlite::plans::OTHERS {
        shape(&mut on_sqlite, name, sql).await;
    }
    for (name, sql) in postgres::plans::OTHERS {
        shape(&mut on_postgres, name, sql).await;
    }
}
