//! voicemill: the media side of a hosted phone system.

pub mod audio;
pub mod cli;
pub mod clock;
pub mod db;
pub mod http;
pub mod links;
pub mod model;
pub mod notify;
pub mod queue;
pub mod speech;
pub mod storage;
