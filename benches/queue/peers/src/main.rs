//! Puts a queue for Rust on PostgreSQL through the scenarios: `queue-peers graphile_worker|apalis-postgres SCENARIO…`,
//! on the database that DATABASE_URL names.

mod apalis;
mod graphile;
#[path = "../../scenarios.rs"]
mod scenarios;

use anyhow::Context;
use sqlx::{PgPool, postgres::PgPoolOptions};

async fn run() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let url = std::env::var("DATABASE_URL").context("DATABASE_URL names no database")?;
    let pool = || PgPoolOptions::new().max_connections(20).connect(&url);
    match arguments.split_first() {
        Some((name, rest)) if name == "graphile_worker" => {
            scenarios::run(graphile::Graphile(pool().await?), rest).await
        }
        Some((name, rest)) if name == "apalis-postgres" => scenarios::run(apalis::Apalis(pool().await?), rest).await,
        _ => anyhow::bail!("name a queue: graphile_worker or apalis-postgres"),
    }
}

async fn tidy(pool: &PgPool, table: &str) -> anyhow::Result<()> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("VACUUM ANALYZE {table}"))).execute(pool).await?;
    Ok(())
}

async fn count(pool: &PgPool, query: &'static str) -> anyhow::Result<u64> {
    let count: i64 = sqlx::query_scalar(query).fetch_one(pool).await?;
    Ok(u64::try_from(count)?)
}

#[tokio::main]
async fn main() {
    let code = match run().await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("queue-peers: {error:#}");
            1
        }
    };
    // Their workers have no more to do.
    std::process::exit(code);
}
