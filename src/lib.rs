#![doc = include_str!("../ARCHITECTURE.md")]

pub mod app;
pub mod arrivals;
mod checks;
pub mod circuit_breaker;
pub mod cli;
pub mod config;
mod database_files;
pub mod db;
mod deadlines;
pub mod domains;
pub mod error;
pub mod events;
pub mod http;
pub mod jobs;
pub mod keys;
pub mod lanes;
pub mod links;
pub mod listing;
pub mod mail_templates;
pub mod mailboxes;
pub mod media;
pub mod messages;
pub mod notices;
pub mod playlists;
pub mod prompts;
pub mod pronunciations;
pub mod recordings;
pub mod refusal;
pub mod retention;
pub mod service_numbers;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod transaction;
pub mod upkeep;
pub mod webhooks;
mod words;
