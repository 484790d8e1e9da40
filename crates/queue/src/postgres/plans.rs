//! The hot statements are planned as they are meant to be, whether the table is full or empty.

use sqlx::{AssertSqlSafe, Connection, Row};

use super::{
    claim::{CLAIM, WAITING},
    dependencies::*,
    inside::*,
    outlook::{FIND, PLACES},
    *,
};
use voicemill_testing::TestDatabase;

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
    ("claim", CLAIM),
    ("waiting", WAITING),
    ("enqueue_all", ENQUEUE_ALL),
    ("holds", HOLDS),
    ("complete", COMPLETE),
    ("complete_awaited", COMPLETE_AWAITED),
    ("complete_one", COMPLETE_ONE),
    ("progress", PROGRESS),
    ("next_run", NEXT_RUN),
    ("nudge", NUDGE),
];

/// A hundred thousand jobs of one tenant, which to statistics is all there is.
const FILL_ALIKE: &str = "INSERT INTO job (lane, kind, tenant, priority, state, max_attempts, run_at, created_at, payload) \
    SELECT 'io', 'kind', CAST(lpad('7', 32, '0') AS UUID), 1, 'available', 3, n, n, '{}' FROM generate_series(1, 100000) AS n";

/// A hundred thousand jobs of a thousand tenants in every state, as statistics see them.
const FILL: &str = "INSERT INTO job (lane, kind, tenant, priority, state, max_attempts, run_at, created_at, worker, unique_key, \
        payload) \
    SELECT CASE WHEN n % 2 = 0 THEN 'cpu' ELSE 'io' END, 'kind', CAST(lpad(to_hex(n % 1000), 32, '0') AS UUID), n % 3, \
        CASE n % 50 WHEN 0 THEN 'running' WHEN 1 THEN 'scheduled' WHEN 2 THEN 'discarded' ELSE 'available' END, 3, n, n, \
        CASE WHEN n % 50 = 0 THEN n % 7 END, 'key ' || n, '{}' \
    FROM generate_series(1, 100000) AS n";

struct Planner {
    connection: PgConnection,
    _database: TestDatabase,
}

impl Planner {
    async fn new(fill: Option<&'static str>) -> Self {
        let database = TestDatabase::new();
        let mut connection = PgConnection::connect(&database.url()).await.unwrap();
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await.unwrap();
        if let Some(fill) = fill {
            sqlx::query(fill).execute(&mut connection).await.unwrap();
        }
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.unwrap();
        sqlx::raw_sql(SETTINGS).execute(&mut connection).await.unwrap();
        Self { connection, _database: database }
    }

    /// The plan of a prepared statement, without the values of its parameters.
    async fn plan(&mut self, statement: &str) -> String {
        let mut parameters = 1;
        while statement.contains(&format!("${parameters}")) {
            parameters += 1;
        }
        let nulls = vec!["NULL"; parameters - 1].join(", ");
        let arguments = if parameters == 1 { String::new() } else { format!(" ({nulls})") };
        let prepare = format!("DEALLOCATE ALL; PREPARE hot AS {statement}");
        sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut self.connection).await.unwrap();
        let explain = AssertSqlSafe(format!("EXPLAIN EXECUTE hot{arguments}"));
        let lines = sqlx::raw_sql(explain).fetch_all(&mut self.connection).await.unwrap();
        lines.iter().map(|line| line.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
    }

    async fn assert_plan(&mut self, statement: &str, steps: &[&str]) {
        let plan = self.plan(statement).await;
        for step in steps {
            assert!(plan.contains(step), "no {step:?} in the plan of {statement}:\n{plan}");
        }
        for step in ["Seq Scan on job", "Seq Scan on worker", "Hash Join", "Merge Join", "Bitmap"] {
            assert!(!plan.contains(step), "{step} in the plan of {statement}:\n{plan}");
        }
    }
}

async fn hot_statements_use_their_indexes(fill: Option<&'static str>) {
    let mut planner = Planner::new(fill).await;
    planner.assert_plan(WAITING, &["Index Only Scan using job_ready"]).await;
    planner.assert_plan(CLAIM, &["Index Scan using job_pkey on job", "Index Scan using job_ready on job oldest"]).await;
    planner.assert_plan(COMPLETE, &["Index Scan using job_pkey on job", "Function Scan on result"]).await;
    planner.assert_plan(PROGRESS, &["Index Scan using job_pkey on job", "Function Scan on change"]).await;
    planner.assert_plan(COMPLETE_AWAITED, &["Index Scan using job_pkey on job", "Function Scan on result"]).await;
    for statement in [WAIT_LESS, UNBLOCK, GIVE_UP_DEPENDENTS] {
        planner.assert_plan(statement, &["Index Scan using job_pkey on job", "using job_dep_pkey on job_dep"]).await;
    }
    planner.assert_plan(AWAIT, &["Index Scan using job_pkey on job", "Index Scan using job_pkey on job parent"]).await;
    planner.assert_plan(UNTIE, &["using job_dep_pkey"]).await;
    planner.assert_plan(UNTIE_CHILD, &["using job_dep_child"]).await;
    for statement in [COMPLETE_ONE, RESCHEDULE, GIVE_UP, DEAD_LETTER, HOLDS, CANCEL, RETRY, FORGET] {
        planner.assert_plan(statement, &["using job_"]).await;
    }
    planner.assert_plan(STANDING, &["Index Scan using job_unique"]).await;
    planner.assert_plan(FIND, &["Index Scan using job_unique"]).await;
    planner.assert_plan(PLACES, &["using job_ready"]).await;
    planner.assert_plan(EXPEDITE, &["Index Scan using job_unique"]).await;
    planner
        .assert_plan(PROMOTE, &["Index Scan using job_scheduled on job due", "Index Scan using job_pkey on job"])
        .await;
    planner.assert_plan(CLAIM_SUSPECT, &["using job_quarantined", "Index Scan using job_pkey on job"]).await;
    planner.assert_plan(ANY_SUSPECT, &["using job_quarantined"]).await;
    planner.assert_plan(ABSOLVE, &["using job_lone_crashes"]).await;
    planner.assert_plan(OVERDUE, &["using job_ready on job first", "using job_aged on job ahead"]).await;
    planner.assert_plan(AGE, &["Index Scan using job_pkey on job overdue", "Index Scan using job_pkey on job"]).await;
    planner.assert_plan(NEXT_RUN, &["using job_scheduled"]).await;
    planner.assert_plan(HELD, &["Index Scan using job_running"]).await;
    planner.assert_plan(CANCELLED, &["Index Scan using job_cancelled"]).await;
}

#[tokio::test]
async fn hot_statements_use_their_indexes_when_much_waits() {
    hot_statements_use_their_indexes(Some(FILL)).await;
}

#[tokio::test]
async fn hot_statements_use_their_indexes_when_nothing_waits() {
    hot_statements_use_their_indexes(None).await;
}

#[tokio::test]
async fn hot_statements_use_their_indexes_when_much_of_one_tenant_waits() {
    hot_statements_use_their_indexes(Some(FILL_ALIKE)).await;
}
