//! E-mail and web addresses.

use super::rule::{Rule, group};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)\b[a-z0-9][a-z0-9._+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b", |found| Some(address(group(found, 0)))),
    (r"(?i)\b(?:https?://|www\.)(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[a-z0-9-]+)*)/?(?:[?#]\S*)?", |found| {
        Some(address(group(found, 1)))
    }),
    (
        r"(?i)\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|co|co\.uk|info|biz|us|ca|uk|eu|de|fr|nl|ie|nz|com\.au|dev|app|ai|tv|health|care|clinic|dental|law|legal|shop|store|online|site|tech|cloud|agency|bank|church|school|realtor)\b(?:/[a-z0-9-]+)*",
        |found| {
            let text = group(found, 0);
            // A sentence without a space behind its stop is no address: "Call us.It is" begins with a capital.
            let (_, ending) = text.rsplit_once('.')?;
            let sentence = ending.chars().next()?.is_uppercase() && text.chars().any(char::is_lowercase);
            (!sentence).then(|| address(text))
        },
    ),
];

/// `jo.smith@acme.com/x` as "jo dot smith at acme dot com slash x".
fn address(text: &str) -> String {
    let mut said = String::new();
    for character in text.chars() {
        match character {
            '.' => said.push_str(" dot "),
            '@' => said.push_str(" at "),
            '-' => said.push_str(" dash "),
            '_' => said.push_str(" underscore "),
            '+' => said.push_str(" plus "),
            '/' => said.push_str(" slash "),
            character => said.push(character),
        }
    }
    said
}
