//! What the crate promises of whole files: every format beside ffmpeg's reading of it, files as they come from the field,
//! damaged and hostile ones, and the process that holds them.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the measured matrix is worth reading")]

mod field;
mod golden;
#[cfg(debug_assertions)]
mod mutations;
#[cfg(debug_assertions)]
mod sandbox;

use golden::{matrix, workshop};

/// What runs as a rendering process.
const CHILD: &str = env!("CARGO_BIN_EXE_render-child");
