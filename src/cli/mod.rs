//! The commands.

pub mod transcode;
