//! Random sequences of operations, each compared with a model that holds the rules in memory.

mod calendar;
mod harness;
mod job;
mod operation;
mod pausing;
mod repeated;
mod requests;
mod working;

use proptest::{prelude::*, test_runner::FileFailurePersistence};

use self::{
    harness::Harness,
    operation::{Operation, operation},
};
use voicemill_sql::{Database, DatabaseUrl};
use voicemill_testing::TestDatabase;

fn agrees_with_the_model(address: &DatabaseUrl) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = runtime.block_on(async {
        let database = Database::connect(address, 4).await.unwrap();
        super::migrate(&database).await.unwrap();
        database
    });
    let found = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/model/found.txt"));
    let config = ProptestConfig { cases: 96, failure_persistence: Some(Box::new(found)), ..ProptestConfig::default() };
    let run = |operations: Vec<Operation>| {
        runtime.block_on(async {
            let mut harness = Harness::new(database.clone()).await;
            for operation in operations {
                harness.apply(operation).await;
                harness.compare().await;
            }
        });
        Ok(())
    };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&prop::collection::vec(operation(), 1..80), run);
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

#[test]
fn sqlite_does_as_the_model() {
    let folder = tempfile::TempDir::new().unwrap();
    agrees_with_the_model(&DatabaseUrl::Sqlite(folder.path().join("queue.db")));
}

#[test]
fn postgres_does_as_the_model() {
    agrees_with_the_model(&TestDatabase::new().url().parse().unwrap());
}
