//! The lanes of the queue, and how many jobs each runs at once.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A pool of slots with a width of its own. The stored names are stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Work that keeps a core busy; as wide as there are cores.
    Cpu,
    /// Work that mostly waits for others; wide.
    Io,
    /// Speech to text, which keeps cores busy for long; apart from the rest, so that machines can be had for it alone.
    Transcribe,
    /// Events to customers' endpoints, which answer as slowly as they like; the tenants are the endpoints.
    Webhooks,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Io, Self::Transcribe, Self::Webhooks];

    /// How many connections one endpoint has at most.
    pub const CONNECTIONS_PER_WEBHOOK: usize = 4;

    /// The name by which the queue knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Io => "io",
            Self::Transcribe => "transcribe",
            Self::Webhooks => "webhooks",
        }
    }

    /// The lane with so many slots. Of a lane that keeps cores busy one tenant gets half while others wait; the other is wide
    /// enough for turns alone.
    pub fn with_slots(self, slots: usize) -> voicemill_queue::Lane {
        let lane = voicemill_queue::Lane::new(self.name(), slots);
        match self {
            Self::Cpu | Self::Transcribe => lane.per_tenant(slots.div_ceil(2)),
            Self::Io => lane,
            Self::Webhooks => lane.at_most_per_tenant(Self::CONNECTIONS_PER_WEBHOOK),
        }
    }
}

impl FromStr for Lane {
    type Err = UnknownLane;

    fn from_str(text: &str) -> Result<Self, UnknownLane> {
        Self::ALL.into_iter().find(|lane| lane.name() == text).ok_or(UnknownLane)
    }
}

/// A lane that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the lanes are cpu, io, transcribe and webhooks")]
pub struct UnknownLane;

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
