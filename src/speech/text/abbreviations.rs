//! Titles, streets, companies, initials: what is written short and said long, or letter by letter.

use super::{
    Rule, group, initials,
    numbers::{cardinal, digits},
};

pub(super) const RULES: &[Rule] = &[
    // House numbers are said in pairs.
    (
        r"\b(\d{1,2})(\d{2}) ((?:[NSEW]\.? )?(?:[A-Z][a-z]+ ){1,3}(?:St|Ave|Blvd|Rd|Dr|Ln|Ct|Pl|Hwy|Pkwy|Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place|Highway|Parkway)\b)",
        |found| {
            let (first, last) = (group(found, 1), group(found, 2));
            let pair = match last.strip_prefix('0') {
                Some("0") => "hundred".to_owned(),
                Some(digit) => format!("oh {}", digits(digit)),
                None => cardinal(last.parse().ok()?),
            };
            Some(format!("{} {pair} {}", cardinal(first.parse().ok()?), group(found, 3)))
        },
    ),
    (
        r"\b([a-z]{2,}|(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th))) (St|Ave|Blvd|Rd|Dr|Ln|Ct|Pl|Hwy|Pkwy)\b(\.?)([\s,]|$)",
        |found| {
            let street = street(group(found, 2))?;
            // A capital after the period begins a sentence only if there was no comma; the pause is wanted either way.
            Some(format!("{} {street}{}", group(found, 1), group(found, 4)))
        },
    ),
    (r"\b(Dr|Mr|Mrs|Ms|Prof|Rev|Sgt|Capt|Lt|Gov|Sen|Rep|St|Mt|Ft)\b\.?\s+([A-Z])", |found| {
        Some(format!("{} {}", title(group(found, 1))?, group(found, 2)))
    }),
    (r"\b(Jr|Sr)\b\.?", |found| Some(if group(found, 1) == "Jr" { "Junior" } else { "Senior" }.to_owned())),
    (r"\b(Inc|Corp|Ltd|Co|Bros|Assn)\b\.", |found| company(group(found, 1)).map(str::to_owned)),
    (r"\b(Inc|Corp|Ltd)\b", |found| company(group(found, 1)).map(str::to_owned)),
    (r"(?i)\b(apt|ste|dept|appt|approx|vs|etc|bldg|fl|rm|hrs|mins|misc|tel|qty)\.", |found| common(group(found, 1))),
    (r"\b(Apt|Ste|Rm|Bldg)\s+(#?)([\dA-Z])", |found| Some(format!("{} {}", common(group(found, 1))?, group(found, 3)))),
    (r"(?i)\be\.g\.,?", |_| Some("for example,".to_owned())),
    (r"(?i)\bi\.e\.,?", |_| Some("that is,".to_owned())),
    (r"\b[Nn]o\.\s?(\d)", |found| Some(format!("number {}", group(found, 1)))),
    (r"\bw/o\b", |_| Some("without".to_owned())),
    (r"\bw/", |_| Some("with ".to_owned())),
    (r"\b(and)/(or)\b", |_| Some("and or".to_owned())),
    (r"&", |_| Some(" and ".to_owned())),
    (r"(\w)\s?\+\s?(\w)", |found| Some(format!("{} plus {}", group(found, 1), group(found, 2)))),
    (r"\s=\s", |_| Some(" equals ".to_owned())),
    (r"\s@\s", |_| Some(" at ".to_owned())),
    // U.S., J. K. Rowling
    (r"\b(?:\p{Lu}\.\s?){2,}", |found| Some(format!("{} ", initials(group(found, 0))))),
    (r"\b(\p{Lu})\.\s(\p{Lu}\p{Ll})", |found| Some(format!("{} {}", initials(group(found, 1)), group(found, 2)))),
    (r"\b\p{Lu}{2,}s?\b", |found| Some(capitals(group(found, 0)))),
];

fn street(short: &str) -> Option<&'static str> {
    Some(match short {
        "St" => "Street",
        "Ave" => "Avenue",
        "Blvd" => "Boulevard",
        "Rd" => "Road",
        "Dr" => "Drive",
        "Ln" => "Lane",
        "Ct" => "Court",
        "Pl" => "Place",
        "Hwy" => "Highway",
        "Pkwy" => "Parkway",
        _ => return None,
    })
}

fn title(short: &str) -> Option<&'static str> {
    Some(match short {
        "Dr" => "Doctor",
        "Mr" => "Mister",
        "Mrs" => "Missus",
        "Ms" => "Miz",
        "Prof" => "Professor",
        "Rev" => "Reverend",
        "Sgt" => "Sergeant",
        "Capt" => "Captain",
        "Lt" => "Lieutenant",
        "Gov" => "Governor",
        "Sen" => "Senator",
        "Rep" => "Representative",
        "St" => "Saint",
        "Mt" => "Mount",
        "Ft" => "Fort",
        _ => return None,
    })
}

fn company(short: &str) -> Option<&'static str> {
    Some(match short {
        "Inc" => "Incorporated",
        "Corp" => "Corporation",
        "Ltd" => "Limited",
        "Co" => "Company",
        "Bros" => "Brothers",
        "Assn" => "Association",
        _ => return None,
    })
}

fn common(short: &str) -> Option<String> {
    let long = match short.to_lowercase().as_str() {
        "apt" => "apartment",
        "ste" => "suite",
        "dept" => "department",
        "appt" => "appointment",
        "approx" => "approximately",
        "vs" => "versus",
        "etc" => "et cetera",
        "bldg" => "building",
        "fl" => "floor",
        "rm" => "room",
        "hrs" => "hours",
        "mins" => "minutes",
        "misc" => "miscellaneous",
        "tel" => "telephone",
        "qty" => "quantity",
        _ => return None,
    };
    Some(long.to_owned())
}

/// Capitals that are said as letters although they look like a word.
const INITIALISMS: [&str; 33] = [
    "AI", "API", "ATM", "CEO", "COO", "CFO", "DIY", "EST", "ETA", "EU", "FAQ", "GPA", "HOA", "HR", "ICU", "ID", "IOU",
    "IRA", "IRS", "IT", "IVR", "PO", "RSVP", "SUV", "TBA", "UFO", "UK", "UN", "UPS", "URL", "US", "USA", "VIP",
];

/// Initials are spelled, shouting is said as words, AM and PM stay as they are.
fn capitals(text: &str) -> String {
    let (stem, plural) = text.strip_suffix('s').map_or((text, ""), |stem| (stem, "'s"));
    let has_vowel = stem.contains(['A', 'E', 'I', 'O', 'U', 'Y']);
    match stem {
        "AM" | "PM" | "OK" => text.to_owned(),
        _ if INITIALISMS.contains(&stem) || !has_vowel => format!("{}{plural}", initials(stem)),
        _ if stem.chars().count() > 3 => text.to_lowercase(),
        _ => text.to_owned(),
    }
}
