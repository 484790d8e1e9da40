//! The models: what they are (`manifest`), where they lie (`store`), how they come (`fetch`) and how weights published
//! for one engine become a file for another (`convert`).

mod archive;
mod convert;
mod digest;
mod fetch;
mod manifest;
mod packages;
mod store;

pub use digest::Sha256Digest;
pub use fetch::{FetchProgress, FetchStage};
pub use manifest::{Manifest, Model, ModelFile, Purpose};
pub use store::{ModelState, ModelStore, OwnModel, default_folder};
