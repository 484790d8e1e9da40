//! What is said letter by letter: initials, and capitals that are no word.

use super::letters::is_letter;

/// The name of a letter: itself in upper case, but for the one that would be read as an article.
pub(super) fn letter(character: char) -> String {
    // Some letters have no upper case of one character; the accent is left out then.
    let upper: String = character.to_uppercase().filter(|&letter| is_letter(letter)).collect();
    match upper.as_str() {
        "A" => "ay".to_owned(),
        name => name.to_owned(),
    }
}

/// Letters one after the other without gaps, as initials are said.
pub(super) fn initials(letters: &str) -> String {
    letters.chars().filter(|&character| is_letter(character)).map(letter).collect::<Vec<_>>().join(" ")
}

/// Capitals that are said as letters although they look like a word.
const INITIALISMS: [&str; 37] = [
    "AI", "API", "ATM", "CEO", "COO", "CFO", "DIY", "EDT", "EST", "ET", "ETA", "EU", "FAQ", "GPA", "HOA", "HR", "HVAC",
    "ICU", "ID", "IOU", "USD", "IRA", "IRS", "IT", "IVR", "PO", "RSVP", "SUV", "TBA", "UFO", "UK", "UN", "UPS", "URL",
    "US", "USA", "VIP",
];

/// Initials are spelled, shouting is said as words, AM and PM stay as they are.
pub(super) fn capitals(text: &str) -> String {
    let (stem, plural) = text.strip_suffix('s').map_or((text, ""), |stem| (stem, "'s"));
    match stem {
        "AM" | "PM" | "OK" => text.to_owned(),
        _ if is_spelled(stem) => format!("{}{plural}", initials(stem)),
        _ if stem.chars().count() > 3 => text.to_lowercase(),
        _ => text.to_owned(),
    }
}

/// True for capitals that are said letter by letter.
pub(super) fn is_spelled(capitals: &str) -> bool {
    INITIALISMS.contains(&capitals) || !capitals.contains(['A', 'E', 'I', 'O', 'U', 'Y'])
}
