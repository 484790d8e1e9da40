// pg-boss: LISTEN/NOTIFY on, four workers that fetch batches of 500, and fetch on while batches are full.
import pg from "pg";
import { PgBoss } from "pg-boss";
import { run } from "./scenarios.js";

const connectionString = process.env.DATABASE_URL;
const boss = new PgBoss({ connectionString, max: 20, useListenNotify: true, supervise: false, schedule: false });
const pool = new pg.Pool({ connectionString, max: 2 });
boss.on("error", (error) => console.error("pg-boss:", error.message));

const contender = {
  async prepare() {
    await boss.start();
    await boss.createQueue("noop", { notify: true });
  },
  enqueue: (jobs) =>
    jobs.length === 1 ? boss.send("noop", jobs[0]) : boss.insert("noop", jobs.map((data) => ({ data }))),
  tidy: () => pool.query("VACUUM ANALYZE"),
  remaining: async () =>
    Number((await pool.query("SELECT count(*) FROM pgboss.job WHERE name = 'noop' AND state < 'completed'")).rows[0].count),
  work: (probe) =>
    boss.work(
      "noop",
      { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5, burstWhenBatchFull: true },
      async (jobs) => jobs.forEach((job) => probe.start(job.data)),
    ),
};

await run(contender, process.argv.slice(2));
