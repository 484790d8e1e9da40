#![doc = include_str!("../ARCHITECTURE.md")]

pub mod app;
pub mod audio;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod http;
pub mod jobs;
pub mod links;
pub mod model;
pub mod notify;
pub mod queue;
pub mod service;
pub mod speech;
pub mod sql;
pub mod storage;
pub mod telemetry;

#[cfg(test)]
#[path = "../tests/support/postgres.rs"]
mod test_postgres;
