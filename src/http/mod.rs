//! What is spoken over HTTP.

pub mod pages;
