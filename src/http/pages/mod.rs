//! Pages for people: the one that a mailed link opens.

pub mod assets;
pub mod templates;
