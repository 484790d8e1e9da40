#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod ogg;
pub mod postgres;
pub mod private_postgres;
pub mod python;
#[cfg(feature = "s3")]
pub mod s3_server;
pub mod tools;

pub use postgres::TestDatabase;
pub use private_postgres::PrivateServer;

/// The root of the checkout.
pub fn checkout() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
