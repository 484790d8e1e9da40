// The scenarios of scenarios.rs, for queues on Node: begin and end around what is measured, then one line of JSON.

export const now = () => Math.round((performance.timeOrigin + performance.now()) * 1000);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const say = (line) => process.stdout.write(line + "\n");
const GLANCE = 2;

class Probe {
  started = 0;
  beforeSecond = null;
  latencies = [];
  start({ t, tenant }) {
    const before = this.started++;
    if (t > 0) this.latencies.push(Math.max(0, now() - t));
    if (tenant === 2 && this.beforeSecond === null) this.beforeSecond = before;
  }
}

const repeat = (count, payload) => Array.from({ length: count }, () => payload);

export async function run(contender, args) {
  await contender.prepare();
  const scenarios = { drain, sustained, latency, second };
  const result = await scenarios[args[0]](contender, ...args.slice(1).map(Number));
  say(JSON.stringify(result));
  process.exit(0);
}

async function fill(contender, count) {
  for (let done = 0; done < count; done += 1000) {
    await contender.enqueue(repeat(1000, { t: 0, tenant: 1 }));
  }
}

async function drain(contender, count) {
  await fill(contender, count);
  await contender.tidy();
  const probe = new Probe();
  say("begin");
  const begun = performance.now();
  await contender.work(probe);
  while (probe.started < count) await sleep(GLANCE);
  while ((await contender.remaining()) > 0) await sleep(GLANCE);
  const seconds = (performance.now() - begun) / 1000;
  say("end");
  return { jobs: count, seconds, rate: count / seconds };
}

async function sustained(contender, backlog, seconds) {
  await fill(contender, backlog);
  await contender.tidy();
  const probe = new Probe();
  await contender.work(probe);
  let enqueued = backlog;
  (async () => {
    for (;;) {
      if (enqueued - probe.started < backlog) {
        await contender.enqueue(repeat(1000, { t: 0, tenant: 1 }));
        enqueued += 1000;
      } else await sleep(GLANCE);
    }
  })();
  await sleep(2000);
  say("begin");
  const before = probe.started;
  const begun = performance.now();
  await sleep(seconds * 1000);
  const jobs = probe.started - before;
  const elapsed = (performance.now() - begun) / 1000;
  say("end");
  return { jobs, seconds: elapsed, rate: jobs / elapsed };
}

async function latency(contender, rate, batch, seconds) {
  const PRODUCERS = 4;
  const probe = new Probe();
  await contender.work(probe);
  await contender.enqueue([{ t: 0, tenant: 1 }]);
  await sleep(2000);
  say("begin");
  const pause = (batch * PRODUCERS * 1000) / rate;
  const begun = performance.now();
  const end = begun + seconds * 1000;
  const produce = async (producer) => {
    let due = begun + (pause * producer) / PRODUCERS;
    let sent = 0;
    for (;;) {
      await sleep(Math.max(0, due - performance.now()));
      if (performance.now() >= end) return sent;
      await contender.enqueue(repeat(batch, { t: now(), tenant: 1 }));
      sent += batch;
      due += pause;
    }
  };
  const counts = await Promise.all([0, 1, 2, 3].map(produce));
  const sent = counts.reduce((sum, count) => sum + count, 0);
  const elapsed = (performance.now() - begun) / 1000;
  const patience = performance.now();
  while (probe.started < sent + 1 && performance.now() - patience < 20000) await sleep(GLANCE);
  say("end");
  const latencies = Float64Array.from(probe.latencies).sort();
  if (latencies.length === 0) throw new Error("no job started");
  const quantile = (share) => latencies[Math.floor((latencies.length - 1) * share)] / 1000;
  return {
    jobs: sent, started: latencies.length, seconds: elapsed, rate: sent / elapsed,
    p50_ms: quantile(0.5), p99_ms: quantile(0.99), max_ms: quantile(1),
  };
}

async function second(contender, backlog, limit) {
  await fill(contender, backlog);
  await contender.enqueue([{ t: 0, tenant: 2 }]);
  await contender.tidy();
  const probe = new Probe();
  say("begin");
  const begun = performance.now();
  await contender.work(probe);
  while (probe.beforeSecond === null && performance.now() - begun < limit * 1000) await sleep(GLANCE);
  const seconds = (performance.now() - begun) / 1000;
  say("end");
  return { before: probe.beforeSecond, started: probe.started, seconds };
}
