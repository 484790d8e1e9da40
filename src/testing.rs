//! The service without its edges, for tests of subjects: on SQLite, or on a PostgreSQL database of its own.

use std::{path::PathBuf, sync::Arc};

use voicemill_sql::Kind;
use voicemill_testing::TestDatabase;
use voicemill_types::clock::Clock;

use crate::{
    app::App,
    config::Config,
    domains::{self, Domain, NewDomain},
};

/// An open service with one domain, and what goes with it.
pub(crate) struct Opened {
    pub(crate) app: Arc<App>,
    pub(crate) domain: Domain,
    _folder: tempfile::TempDir,
    _server: Option<TestDatabase>,
}

/// Opens a service in which nobody works.
pub(crate) async fn open(kind: Kind) -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let server = (kind == Kind::Postgres).then(TestDatabase::new);
    let mut config = Config::default();
    config.storage.folder = folder.path().join("data");
    config.http.operator_key = Some("a key that is long enough for operators".to_owned());
    config.speech.models_folder = Some(folder.path().join("models"));
    config.database.url = server.as_ref().map(|server| server.url().parse().unwrap());
    config.database.connections = 8;
    let app = App::new(config, Clock::fixed("2026-11-30T12:00:00Z".parse().unwrap()), PathBuf::from("voicemill"))
        .await
        .unwrap();
    let new = NewDomain { name: "acme.example".to_owned(), ..NewDomain::default() };
    let domain = domains::create(&app, new).await.unwrap();
    Opened { app, domain, _folder: folder, _server: server }
}

/// The same test on both databases.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Sqlite).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(voicemill_sql::Kind::Postgres).await;
            })+
        }
    };
}
pub(crate) use on_both;
