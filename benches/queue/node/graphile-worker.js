// graphile-worker, as its documentation on performance has it: a local queue, completion in batches.
import { Logger, makeWorkerUtils, run as work } from "graphile-worker";
import pg from "pg";
import { run } from "./scenarios.js";

const connectionString = process.env.DATABASE_URL;
const pgPool = new pg.Pool({ connectionString, max: 30 });
pgPool.on("error", (error) => console.error("graphile-worker:", error.message));
pgPool.on("connect", (client) => client.on("error", () => {}));
const logger = new Logger(() => () => {});
const utils = await makeWorkerUtils({ pgPool, logger });

const contender = {
  prepare: () => utils.migrate(),
  enqueue: (jobs) =>
    jobs.length === 1
      ? utils.addJob("noop", jobs[0])
      : utils.addJobs(jobs.map((payload) => ({ identifier: "noop", payload }))),
  tidy: () => pgPool.query("VACUUM ANALYZE graphile_worker._private_jobs"),
  remaining: async () =>
    Number((await pgPool.query("SELECT count(*) FROM graphile_worker._private_jobs")).rows[0].count),
  work: (probe) =>
    work({
      pgPool,
      logger,
      noHandleSignals: true,
      taskList: { noop: (payload) => probe.start(payload) },
      preset: {
        worker: {
          concurrentJobs: 24,
          pollInterval: 2000,
          localQueue: { size: 500 },
          completeJobBatchDelay: 0,
          failJobBatchDelay: 0,
        },
      },
    }),
};

await run(contender, process.argv.slice(2));
