//! voicemill: the media side of a hosted phone system.

pub mod audio;
pub mod cli;
pub mod clock;
pub mod model;
pub mod queue;
pub mod speech;
