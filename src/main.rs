//! The command-line edge.
fn main() {}
