//! What the product promises, one rule a file; `docs/rules.md` says which test holds which rule.

mod prompts;
mod retention;
mod rule_03_after_email;
mod rule_05_quota;
mod rule_09_folders;
mod rule_10_forward;
mod rule_11_copies;
mod rule_12_greetings;
mod rule_13_names;
mod rule_14_and_15_playlists;
mod rule_16_service_messages;
mod rule_17_announcements;
mod rule_19_listing;
mod rule_20_service_mail;
mod rule_21_groups;
mod rule_22_bad_uploads;

use std::path::Path;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use voicemill::config::Config;
use voicemill_sql::Kind;
use voicemill_testing::TestDatabase;
use voicemill_types::clock::Clock;

use crate::harness::{TestApp, Wish, ok};

/// The service on a database of this kind, and the server that holds it.
struct Started {
    test: TestApp,
    _server: Option<TestDatabase>,
}

impl Started {
    /// With a clock that stands still at that time, and nobody who works unless `work`.
    async fn at(kind: Kind, time: &str, work: bool) -> Self {
        Self::with(kind, Wish { clock: Clock::fixed(time.parse().unwrap()), work, ..Wish::default() }).await
    }

    async fn with(kind: Kind, wish: Wish) -> Self {
        let server = (kind == Kind::Postgres).then(TestDatabase::new);
        let configure = move |config: &mut Config| {
            (wish.configure)(config);
            // As many as a small server has.
            config.database.connections = 16;
        };
        let database = server.as_ref().map(|server| server.url().parse().unwrap());
        let test = TestApp::start_with(Wish { database, configure: Box::new(configure), ..wish }).await;
        Self { test, _server: server }
    }
}

fn path(message: &Value) -> String {
    format!("/v1/messages/{}", message["id"].as_str().unwrap())
}

/// Changes a message as a portal does.
async fn patch(test: &TestApp, message: &Value, changes: Value) -> Response {
    test.portal(Method::PATCH, &path(message)).json(&changes).send().await.unwrap()
}

async fn move_to(test: &TestApp, message: &Value, folder: &str) -> Value {
    ok(test.portal(Method::PATCH, &path(message)).json(&json!({"folder": folder}))).await
}

/// Whether a portal finds the message.
async fn is_there(test: &TestApp, message: &Value) -> bool {
    test.portal(Method::GET, &path(message)).send().await.unwrap().status() == 200
}

/// What the service does once a minute.
async fn sweep(test: &TestApp) {
    voicemill::messages::trash::sweep(&test.app).await.unwrap();
}

/// How many files lie in the store.
fn blobs(test: &TestApp) -> usize {
    files(&test.app.config.storage.folder.join("store"), "")
}

/// How many originals lie in the store.
fn originals(test: &TestApp) -> usize {
    files(&test.app.config.storage.folder.join("store"), "orig")
}

/// How many files below a folder have this extension; of an empty one, how many files there are.
fn files(folder: &Path, extension: &str) -> usize {
    let count = |path: &Path| match path.is_dir() {
        true => files(path, extension),
        false => usize::from(extension.is_empty() || path.extension().is_some_and(|own| own == extension)),
    };
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| count(&entry.path())).sum()
}
