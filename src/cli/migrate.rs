//! `voicemill migrate`: brings the database's schema up to date, as `serve` and `worker` do when they start.

use std::io::Write;

use anyhow::Context;

use crate::{
    app,
    config::Config,
    db::{self, Database},
};

/// Takes the steps that are missing and says which they were.
pub async fn run(config: Config) -> anyhow::Result<()> {
    app::choose_tls();
    let address = config.database.address(&config.storage.folder);
    if config.database.url.is_none() {
        std::fs::create_dir_all(&config.storage.folder)
            .with_context(|| format!("cannot make the storage folder {}", config.storage.folder.display()))?;
    }
    let database = Database::connect(&address, config.database.connections).await;
    let database = database.with_context(|| format!("cannot open the database {address}"))?;
    let steps = db::migrate(&database).await.with_context(|| format!("cannot bring {address} up to date"))?;
    let mut output = std::io::stdout().lock();
    match steps.as_slice() {
        [] => writeln!(output, "{address} is up to date.")?,
        steps => writeln!(output, "{address} is up to date now: {}.", steps.join(", "))?,
    }
    Ok(())
}
