#![doc = include_str!("../README.md")]

mod band;
mod channels;
pub mod clip;
pub mod decode;
mod denoise;
pub mod encode;
mod fault;
pub mod format;
mod g711;
mod g722;
mod g726;
mod gsm;
mod high_pass;
mod intake;
mod k_weighting;
mod lame;
mod limiter;
mod loudness;
mod noise;
mod peaks;
mod phase;
mod phone_report;
pub mod pipeline;
mod rendition;
pub mod resample;
pub mod sandbox;
pub mod spec;
pub mod speech_activity;
mod spool;
mod true_peak;
mod vectors;

pub use phone_report::PhoneReport;
