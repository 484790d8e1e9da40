//! Groups as they are answered and asked for.

use serde::{Deserialize, Serialize};

use super::mailbox::Counts;
use crate::mailboxes::counts;

/// The extensions of a group's members.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Members {
    pub(in crate::http) members: Vec<String>,
}

/// What a group holds.
#[derive(Debug, Serialize)]
struct GroupCounts {
    mailbox: String,
    #[serde(flatten)]
    counts: Counts,
}

/// What a mailbox holds, and beside it, never added, what its groups do.
#[derive(Debug, Serialize)]
pub(in crate::http) struct AllCounts {
    #[serde(flatten)]
    own: Counts,
    groups: Vec<GroupCounts>,
}

impl From<counts::All> for AllCounts {
    fn from(all: counts::All) -> Self {
        let group = |(mailbox, counts): (String, _)| GroupCounts { mailbox, counts: Counts::from(counts) };
        Self { own: all.own.into(), groups: all.groups.into_iter().map(group).collect() }
    }
}
