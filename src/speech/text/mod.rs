//! wip
/// wip
pub fn speakable(text: &str) -> String { text.to_owned() }
