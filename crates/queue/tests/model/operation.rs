//! What may be done to a queue, chosen at random.

use proptest::prelude::*;

use uuid::Uuid;

use super::requests::{KIND, LANE};
use crate::{Pause, Priority};

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Enqueue {
        tenant: u8,
        priority: Priority,
        delay: i64,
        key: Option<u8>,
        max_attempts: u16,
        /// Jobs that ever were, to be waited for.
        after: Vec<usize>,
    },
    Join,
    Beat {
        worker: usize,
    },
    Claim {
        worker: usize,
        wanted: usize,
    },
    ClaimSuspect {
        worker: usize,
        alone: bool,
    },
    /// Settles a claim that was ever made, so a zombie's too.
    Settle {
        claim: usize,
        end: End,
    },
    Leave {
        worker: usize,
    },
    Reap {
        by: usize,
    },
    Promote,
    Age {
        seconds: i64,
    },
    Advance {
        seconds: i64,
    },
    Expedite {
        key: u8,
        delay: i64,
    },
    Cancel {
        job: usize,
    },
    Retry {
        job: usize,
    },
    Forget {
        job: usize,
    },
    Pause {
        what: Pause,
    },
    Resume {
        what: Pause,
    },
    /// Workers look for what is paused.
    Refresh,
    MakeAvailable,
    Repeat {
        name: u8,
        schedule: &'static str,
        zone: &'static str,
        tenant: u8,
    },
    NoLonger {
        name: u8,
    },
    /// A worker looks for what the calendar says is due.
    Due,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Well,
    /// In a transaction of the job's own.
    Commits,
    Retry,
    Discard,
    Snooze,
    Undecodable,
    Paused,
}

pub(super) fn operation() -> impl Strategy<Value = Operation> {
    let end = prop_oneof![
        2 => Just(End::Well),
        1 => Just(End::Commits),
        3 => Just(End::Retry),
        1 => Just(End::Discard),
        1 => Just(End::Snooze),
        2 => Just(End::Undecodable),
        1 => Just(End::Paused),
    ];
    let priority = prop::sample::select(Priority::ALL.to_vec());
    let delay = prop_oneof![2 => Just(0_i64), 1 => 1_i64..100];
    let after = prop_oneof![1 => Just(Vec::new()), 1 => prop::collection::vec(0_usize..64, 1..4)];
    let what = prop_oneof![
        1 => Just(Pause::Lane(LANE.to_owned())),
        1 => Just(Pause::Lane("another".to_owned())),
        2 => Just(Pause::Kind(KIND.to_owned())),
        1 => Just(Pause::Kind("another".to_owned())),
        2 => (0_u8..4).prop_map(|tenant| Pause::Tenant(Uuid::from_u128(tenant.into()))),
    ];
    let schedule = prop::sample::select(vec!["* * * * *", "*/2 * * * *", "0 * * * *"]);
    let zone = prop::sample::select(vec!["UTC", "Asia/Kathmandu", "America/New_York"]);
    prop_oneof![
        6 => (0_u8..4, priority, delay.clone(), prop::option::of(0_u8..3), 1_u16..4, after).prop_map(
            |(tenant, priority, delay, key, max_attempts, after)| {
                Operation::Enqueue { tenant, priority, delay, key, max_attempts, after }
            }
        ),
        1 => Just(Operation::Join),
        2 => (0_usize..4).prop_map(|worker| Operation::Beat { worker }),
        6 => (0_usize..4, 1_usize..6).prop_map(|(worker, wanted)| Operation::Claim { worker, wanted }),
        3 => (0_usize..4, any::<bool>()).prop_map(|(worker, alone)| Operation::ClaimSuspect { worker, alone }),
        8 => (0_usize..64, end).prop_map(|(claim, end)| Operation::Settle { claim, end }),
        1 => (0_usize..4).prop_map(|worker| Operation::Leave { worker }),
        3 => (0_usize..4).prop_map(|by| Operation::Reap { by }),
        3 => Just(Operation::Promote),
        2 => (0_i64..60).prop_map(|seconds| Operation::Age { seconds }),
        3 => (1_i64..40).prop_map(|seconds| Operation::Advance { seconds }),
        1 => (40_i64..8_000).prop_map(|seconds| Operation::Advance { seconds }),
        1 => (0_u8..3, delay).prop_map(|(key, delay)| Operation::Expedite { key, delay }),
        1 => (0_usize..16).prop_map(|job| Operation::Cancel { job }),
        2 => (0_usize..16).prop_map(|job| Operation::Retry { job }),
        3 => (0_usize..16).prop_map(|job| Operation::Forget { job }),
        2 => what.clone().prop_map(|what| Operation::Pause { what }),
        2 => what.prop_map(|what| Operation::Resume { what }),
        2 => Just(Operation::Refresh),
        3 => Just(Operation::MakeAvailable),
        2 => (0_u8..3, schedule, zone, 0_u8..4).prop_map(
            |(name, schedule, zone, tenant)| Operation::Repeat { name, schedule, zone, tenant }
        ),
        1 => (0_u8..3).prop_map(|name| Operation::NoLonger { name }),
        2 => Just(Operation::Due),
    ]
}
