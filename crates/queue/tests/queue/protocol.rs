//! The protocol of claiming, reaping and completing, checked in every order in which it can happen to a few jobs and
//! processes: workers die, are stopped and go on as zombies, results arrive late, twice or never, and any worker may be taken
//! for dead. Nothing completes twice or by anybody but its holder, and nothing is lost; and each rule of the queue that
//! brings this about is left out once, to see that it is missed.

use std::collections::BTreeSet;

use stateright::{Checker, Model, Property};

const JOBS: usize = 2;
const PROCESSES: usize = 2;
/// How often jobs are claimed, and processes begin, before the search round_robin back.
const CLAIMS: u8 = 2;
const WORKERS: u8 = 3;

/// How the queue goes about it.
#[derive(Clone, Copy)]
struct Protocol {
    fence: Fence,
    /// A process that starts again registers as a new worker.
    new_id_at_every_start: bool,
    /// A worker without a row claims nothing.
    claims_check_the_row: bool,
    /// A reaper takes the jobs and the row in one transaction.
    reaps_at_once: bool,
}

const OURS: Protocol =
    Protocol { fence: Fence::Claim, new_id_at_every_start: true, claims_check_the_row: true, reaps_at_once: true };

/// What a result must agree in with the job, so that it counts.
#[derive(Clone, Copy, PartialEq)]
enum Fence {
    /// The number of the claim, which only grows.
    Claim,
    /// The attempt, which a hand-back takes back.
    Attempt,
    /// That the job runs, on whatever worker.
    Running,
    /// Nothing.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Available,
    Running { worker: u8 },
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Job {
    at: At,
    claim: u8,
    attempt: u8,
    completions: u8,
    /// It was completed by a result that was not its holder's.
    by_stranger: bool,
}

/// An attempt as the process that makes it knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Held {
    job: usize,
    claim: u8,
    attempt: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    /// The row that it keeps fresh; none while it is down.
    worker: Option<u8>,
    /// What it works on, zombies included.
    holds: BTreeSet<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    jobs: Vec<Job>,
    processes: Vec<Process>,
    /// The workers' rows.
    rows: BTreeSet<u8>,
    next_worker: u8,
    /// Results on their way. They stay, for any may be sent again when nobody knows whether it arrived.
    results: BTreeSet<Held>,
}

#[derive(Clone, Debug, PartialEq)]
enum Action {
    Start(usize),
    Kill(usize),
    Claim(usize, usize),
    Finish(usize, Held),
    Arrive(Held),
    /// Somebody takes the worker for dead, rightly or not.
    Reap(u8),
    /// The worker stops in good order; its work may go on in a thread that does not notice.
    Leave(usize),
    /// The process finds that its lease is lost, drops its work and begins anew.
    BeginAnew(usize),
}

impl Protocol {
    fn counts(&self, job: &Job, result: Held) -> bool {
        let running = matches!(job.at, At::Running { .. });
        match self.fence {
            Fence::Claim => running && job.claim == result.claim,
            Fence::Attempt => running && job.attempt == result.attempt,
            Fence::Running => running,
            Fence::None => true,
        }
    }

    fn start(&self, world: &mut World, number: usize) {
        let worker = if self.new_id_at_every_start {
            world.next_worker += 1;
            world.next_worker
        } else {
            u8::try_from(number).unwrap()
        };
        world.rows.insert(worker);
        world.processes[number].worker = Some(worker);
    }
}

impl World {
    /// Takes a worker's jobs from it; an attempt that does not count is taken back.
    fn take_jobs(&mut self, worker: u8, counted: bool) {
        for job in self.jobs.iter_mut().filter(|job| job.at == At::Running { worker }) {
            job.at = At::Available;
            job.attempt -= u8::from(!counted);
        }
    }

    /// Whether something will still move the job on: it is done or waits, its holder is at it or has sent its result, or the
    /// holder's row is there and grows old, so that the job comes back.
    fn goes_on(&self, number: usize, job: &Job) -> bool {
        let At::Running { worker } = job.at else { return true };
        let is_it = |held: &Held| held.job == number && held.claim == job.claim;
        let holder = self.processes.iter().find(|process| process.worker == Some(worker));
        match holder {
            Some(process) => process.holds.iter().any(is_it) || self.results.iter().any(is_it),
            None => self.rows.contains(&worker),
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let job = Job { at: At::Available, claim: 0, attempt: 0, completions: 0, by_stranger: false };
        let process = Process { worker: None, holds: BTreeSet::new() };
        vec![World {
            jobs: vec![job; JOBS],
            processes: vec![process; PROCESSES],
            rows: BTreeSet::new(),
            next_worker: 0,
            results: BTreeSet::new(),
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (number, process) in world.processes.iter().enumerate() {
            for &held in &process.holds {
                actions.push(Action::Finish(number, held));
            }
            let Some(worker) = process.worker else {
                actions.push(Action::Start(number));
                continue;
            };
            actions.push(Action::Kill(number));
            if world.rows.contains(&worker) {
                actions.push(Action::Leave(number));
            } else {
                actions.push(Action::BeginAnew(number));
            }
            for (job, _) in world.jobs.iter().enumerate().filter(|(_, job)| job.at == At::Available) {
                actions.push(Action::Claim(number, job));
            }
        }
        actions.extend(world.rows.iter().map(|&worker| Action::Reap(worker)));
        actions.extend(world.results.iter().map(|&result| Action::Arrive(result)));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Start(number) => self.start(&mut next, number),
            Action::Kill(number) => {
                next.processes[number] = Process { worker: None, holds: BTreeSet::new() };
            }
            Action::Claim(number, job) => {
                let worker = next.processes[number].worker?;
                if self.claims_check_the_row && !next.rows.contains(&worker) {
                    return None;
                }
                let claimed = &mut next.jobs[job];
                claimed.at = At::Running { worker };
                claimed.claim += 1;
                claimed.attempt += 1;
                let held = Held { job, claim: claimed.claim, attempt: claimed.attempt };
                next.processes[number].holds.insert(held);
            }
            Action::Finish(number, held) => {
                next.processes[number].holds.remove(&held);
                next.results.insert(held);
            }
            Action::Arrive(result) => {
                let job = &mut next.jobs[result.job];
                if !self.counts(job, result) {
                    return None;
                }
                job.by_stranger |= job.claim != result.claim;
                job.completions += 1;
                job.at = At::Done;
            }
            Action::Reap(worker) => {
                next.rows.remove(&worker);
                if self.reaps_at_once {
                    next.take_jobs(worker, true);
                }
            }
            Action::Leave(number) => {
                let worker = next.processes[number].worker.take()?;
                next.take_jobs(worker, false);
                next.rows.remove(&worker);
            }
            Action::BeginAnew(number) => {
                next.processes[number].holds.clear();
                self.start(&mut next, number);
            }
        }
        Some(next)
    }

    fn within_boundary(&self, world: &World) -> bool {
        world.next_worker <= WORKERS && world.jobs.iter().all(|job| job.claim <= CLAIMS && job.completions <= 2)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(TWICE, |_, world: &World| world.jobs.iter().all(|job| job.completions <= 1)),
            Property::always(STRANGER, |_, world: &World| world.jobs.iter().all(|job| !job.by_stranger)),
            Property::always(LOST, |_, world: &World| {
                world.jobs.iter().enumerate().all(|(number, job)| world.goes_on(number, job))
            }),
            // The search gets to where it hurts.
            Property::sometimes("all is done after a zombie's result", |_, world: &World| {
                world.jobs.iter().all(|job| job.at == At::Done)
                    && world.results.iter().any(|result| result.claim < world.jobs[result.job].claim)
            }),
        ]
    }
}

const TWICE: &str = "no job completes twice";
const STRANGER: &str = "only its holder completes a job";
const LOST: &str = "no job is lost";

/// The rules that the search finds broken.
fn broken(protocol: Protocol) -> BTreeSet<&'static str> {
    let checker = protocol.checker().threads(2).spawn_bfs().join();
    let found = checker.discoveries();
    [TWICE, STRANGER, LOST].into_iter().filter(|rule| found.contains_key(rule)).collect()
}

#[test]
fn nothing_completes_twice_and_nothing_is_lost() {
    let checker = OURS.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    eprintln!("{} states", checker.unique_state_count());
}

#[test]
fn without_a_fence_a_job_completes_twice() {
    assert!(broken(Protocol { fence: Fence::None, ..OURS }).contains(TWICE));
}

#[test]
fn a_fence_that_only_asks_whether_the_job_runs_lets_a_zombie_complete_it() {
    assert!(broken(Protocol { fence: Fence::Running, ..OURS }).contains(STRANGER));
}

#[test]
fn a_fence_of_attempts_lets_a_zombie_complete_it_after_a_hand_back() {
    assert!(broken(Protocol { fence: Fence::Attempt, ..OURS }).contains(STRANGER));
}

#[test]
fn a_restart_under_the_same_id_leaves_a_job_running_for_ever() {
    assert!(broken(Protocol { new_id_at_every_start: false, ..OURS }).contains(LOST));
}

#[test]
fn a_claim_by_a_worker_without_a_row_is_lost() {
    assert!(broken(Protocol { claims_check_the_row: false, ..OURS }).contains(LOST));
}

#[test]
fn a_row_that_goes_before_its_jobs_loses_them() {
    assert!(broken(Protocol { reaps_at_once: false, ..OURS }).contains(LOST));
}
