//! The matrix of formats against golden references, made at test time by Debian's ffmpeg and sox.
//!
//! Every table's row is a file, how it is made, and what must come of it. Lossless formats and those of telephony must agree
//! with ffmpeg in every sample, lossy ones to 100 dB without any shift, and all of them in their exact length.

mod compressed;
pub(crate) mod matrix;
mod memory;
mod mp4;
mod phone;
mod refused;
mod renditions;
mod wav;
pub(crate) mod workshop;
