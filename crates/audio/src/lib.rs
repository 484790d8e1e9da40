//! Whatever arrives decodes, whatever leaves plays on the phone: decode once, resample, level, limit, encode many.
//!
//! [`decode::open`] turns any file into an [`AudioSource`](format::AudioSource). [`pipeline::render`] makes renditions of one;
//! [`sandbox::Sandbox::render`] does the same in a process of its own, so that no file can harm the service.

mod band;
mod channels;
pub mod clip;
pub mod decode;
mod denoise;
pub mod encode;
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
