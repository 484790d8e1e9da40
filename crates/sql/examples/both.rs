//! Counts in a table from two tasks at once, on SQLite or PostgreSQL: `both URL`.

#![expect(clippy::print_stdout, reason = "an example shows what it did")]

use voicemill_sql::{Connection, Database, DatabaseUrl, DbError, on};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS counter (name text PRIMARY KEY, value bigint NOT NULL)";
const ADD: &str = "INSERT INTO counter (name, value) VALUES ($1, 1) \
     ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value";

async fn create(connection: &mut Connection) -> Result<(), DbError> {
    on!(connection, sqlx::query(CREATE).execute(connection).await.map(drop)?);
    Ok(())
}

async fn add(connection: &mut Connection, name: &str) -> Result<i64, DbError> {
    Ok(on!(connection, sqlx::query_scalar(ADD).bind(name).fetch_one(connection).await?))
}

/// Adds one a hundred times, each in a transaction, and again what the database could not do just then.
async fn count(database: Database) -> Result<i64, DbError> {
    let mut last = 0;
    for _ in 0..100 {
        last = loop {
            let mut transaction = database.begin().await?;
            let added = add(transaction.connection(), "example").await;
            match added {
                Ok(value) => {
                    transaction.commit().await?;
                    break value;
                }
                Err(error) if error.is_transient() => continue,
                Err(error) => return Err(error),
            }
        };
    }
    Ok(last)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url: DatabaseUrl = std::env::args().nth(1).ok_or("usage: both URL, such as sqlite:counter.db")?.parse()?;
    let database = Database::connect(&url, 4).await?;
    let server = database.server().await?;
    println!("{} at {url}; warnings: {:?}", server.version, server.warnings);
    let mut transaction = database.begin().await?;
    create(transaction.connection()).await?;
    transaction.commit().await?;
    let (one, other) = tokio::join!(tokio::spawn(count(database.clone())), tokio::spawn(count(database)));
    println!("counted to {}", one??.max(other??));
    Ok(())
}
