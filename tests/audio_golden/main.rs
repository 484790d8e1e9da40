//! The matrix of formats against golden references, made at test time by Debian's ffmpeg and sox.
//!
//! Every table's row is a file, how it is made, and what must come of it. Lossless formats and those of telephony must agree
//! with ffmpeg in every sample, lossy ones to 100 dB without any shift, and all of them in their exact length.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(clippy::print_stdout, reason = "the measured matrix is worth reading")]

mod compressed;
mod matrix;
mod memory;
mod mp4;
mod phone;
mod refused;
mod renditions;
mod wav;
mod workshop;
