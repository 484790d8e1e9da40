//! The hot statements are planned as they are meant to be, whatever SQLite's statistics say.

use sqlx::{AssertSqlSafe, Row, SqlitePool};

use super::{
    dependencies::*,
    inside::*,
    outlook::{FIND, PLACES},
    *,
};

/// The statements by name, to be prepared one by one.
pub(crate) const STATEMENTS: &[(&str, &str)] = &[
    ("enqueue", ENQUEUE),
    ("standing", STANDING),
    ("expedite", EXPEDITE),
    ("cancel", CANCEL),
    ("retry", RETRY),
    ("forget", FORGET),
    ("reschedule", RESCHEDULE),
    ("give_up", GIVE_UP),
    ("dead_letter", DEAD_LETTER),
    ("claim_suspect", CLAIM_SUSPECT),
    ("any_suspect", ANY_SUSPECT),
    ("absolve", ABSOLVE),
    ("join", JOIN),
    ("beat", BEAT),
    ("workers", WORKERS),
    ("stale", STALE),
    ("claims", CLAIMS),
    ("held", HELD),
    ("leave", LEAVE),
    ("cancelled", CANCELLED),
    ("promote", PROMOTE),
    ("overdue", OVERDUE),
    ("age", AGE),
    ("list", LIST),
    ("stats", STATS),
    ("await", AWAIT),
    ("completed", COMPLETED),
    ("tie", TIE),
    ("wait_less", WAIT_LESS),
    ("unblock", UNBLOCK),
    ("untie", UNTIE),
    ("give_up_dependents", GIVE_UP_DEPENDENTS),
    ("untie_child", UNTIE_CHILD),
    ("find", FIND),
    ("places", PLACES),
];

/// Those that one database has and the other does otherwise.
pub(crate) const OTHERS: &[(&str, &str)] = &[
    ("waits", WAITS),
    ("claim", CLAIM),
    ("tenants", TENANTS),
    ("holds", HOLDS),
    ("complete", COMPLETE),
    ("complete_done", COMPLETE_DONE),
    ("awaited", AWAITED),
    ("progress", PROGRESS),
    ("next_run", NEXT_RUN),
    ("prune", PRUNE),
];

/// The plan of a statement, one step a line, on a database without statistics, as the service has it.
async fn plan(statement: &str) -> String {
    let pool = SqlitePool::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(SCHEMA).execute(&pool).await.unwrap();
    let steps = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"))).fetch_all(&pool).await.unwrap();
    steps.iter().map(|step| step.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
}

async fn assert_plan(statement: &str, steps: &[&str]) {
    let plan = plan(statement).await;
    for step in steps {
        assert!(plan.contains(step), "no {step:?} in the plan of {statement}:\n{plan}");
    }
    let scans: Vec<_> = plan
        .lines()
        .filter(|line| line.starts_with("SCAN"))
        .filter(|line| {
            !["json_each", "waiting", "asked", "result", "CONSTANT ROW"].iter().any(|name| line.contains(name))
        })
        .collect();
    assert!(scans.is_empty(), "{statement} scans {scans:?}:\n{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{statement} sorts:\n{plan}");
}

#[tokio::test]
async fn tenants_are_found_by_seeking() {
    assert_plan(WAITS, &["USING COVERING INDEX job_ready (lane=?)"]).await;
    assert_plan(TENANTS, &["USING COVERING INDEX job_ready (lane=? AND priority=? AND tenant>?)"]).await;
}

#[tokio::test]
async fn a_claim_seeks_each_tenants_oldest() {
    let seek = "SEARCH oldest USING COVERING INDEX job_ready (lane=? AND priority=? AND tenant=?)";
    assert_plan(CLAIM, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)", seek]).await;
}

#[tokio::test]
async fn completion_goes_from_the_results_to_the_jobs() {
    assert_plan(COMPLETE_DONE, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    assert_plan(COMPLETE, &["SEARCH finished USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    assert_plan(AWAITED, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"]).await;
}

#[tokio::test]
async fn who_waits_is_sought_by_what_it_waits_for() {
    for statement in [WAIT_LESS, UNBLOCK, GIVE_UP_DEPENDENTS, UNTIE] {
        assert_plan(statement, &["USING PRIMARY KEY (parent=?)"]).await;
    }
    for statement in [WAIT_LESS, UNBLOCK, GIVE_UP_DEPENDENTS, AWAIT] {
        assert_plan(statement, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    }
    assert_plan(COMPLETED, &["SEARCH done USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    assert_plan(UNTIE_CHILD, &["USING COVERING INDEX job_dep_child (child=?)"]).await;
}

#[tokio::test]
async fn settlements_seek_their_job() {
    for statement in [RESCHEDULE, GIVE_UP, DEAD_LETTER, HOLDS, PROGRESS, CANCEL, RETRY, FORGET] {
        assert_plan(statement, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    }
}

#[tokio::test]
async fn the_rest_uses_its_index() {
    assert_plan(STANDING, &["USING INDEX job_unique (kind=? AND unique_key=?)"]).await;
    assert_plan(FIND, &["USING INDEX job_unique (kind=? AND unique_key=?)"]).await;
    // It counts what it found, which is bounded.
    assert!(plan(PLACES).await.contains("USING COVERING INDEX job_ready (lane=? AND priority=? AND tenant=?)"));
    assert_plan(EXPEDITE, &["USING INDEX job_unique (kind=? AND unique_key=?)"]).await;
    // All that these indexes have is little.
    for (statement, index) in
        [(CLAIM_SUSPECT, "job_quarantined"), (ANY_SUSPECT, "job_quarantined"), (ABSOLVE, "job_lone_crashes")]
    {
        assert!(plan(statement).await.contains(index), "{statement}");
    }
    let seek = "INDEX job_ready (lane=? AND priority=? AND tenant=?)";
    assert_plan(
        OVERDUE,
        &[seek, "SEARCH oldest USING INTEGER PRIMARY KEY (rowid=?)", "job_aged (lane=? AND tenant=?)"],
    )
    .await;
    assert_plan(AGE, &["SEARCH job USING INTEGER PRIMARY KEY (rowid=?)"]).await;
    assert_plan(PROMOTE, &["USING COVERING INDEX job_scheduled (run_at<?)"]).await;
    assert_plan(NEXT_RUN, &["USING COVERING INDEX job_scheduled"]).await;
    assert_plan(HELD, &["USING INDEX job_running (worker=?)"]).await;
    assert_plan(CANCELLED, &["USING INDEX job_running (worker=?)"]).await;
    assert_plan(PRUNE, &["USING COVERING INDEX done_finished (finished_at<?)"]).await;
}
