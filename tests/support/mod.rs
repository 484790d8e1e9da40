//! Counterparts of the journeys: servers that the service talks to.

#![allow(dead_code, unreachable_pub, reason = "every journey is a crate of its own and uses its own part")]

pub mod provider;
