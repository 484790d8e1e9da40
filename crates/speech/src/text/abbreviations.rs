//! Titles, streets, companies, initials: what is written short and said long, or letter by letter.

use super::{
    capitals::{capitals, initials},
    numbers::{cardinal, digits, ordinal},
    rule::{Rule, group},
    states::state,
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
        r"\b([A-Z][a-z']+|\d+(?:st|nd|rd|th)) (St|Ave|Blvd|Rd|Dr|Ln|Ct|Pl|Hwy|Pkwy)\b(\.?)(\s[A-Z][a-z]+|[\s,;:!?)]|$)",
        |found| {
            let (name, short, after) = (group(found, 1), group(found, 2), group(found, 4));
            // Before a name it is a doctor or a saint, unless what follows is a part of the address.
            let title = matches!(short, "St" | "Dr") && after.trim().starts_with(|first: char| first.is_uppercase());
            let part = [
                "Suite", "Ste", "Apt", "Unit", "Floor", "Building", "Bldg", "Room", "Rm", "North", "South", "East",
                "West",
            ];
            let numbered = name.starts_with(|first: char| first.is_ascii_digit());
            if title && !numbered && !part.contains(&after.trim()) {
                return None;
            }
            Some(format!("{name} {}{after}", street(short)?))
        },
    ),
    (
        r"\b(N|S|E|W|NE|NW|SE|SW)\b\.? ((?:[A-Z][a-z]+|\d+(?:st|nd|rd|th)) (?:Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place)\b)",
        |found| Some(format!("{} {}", direction(group(found, 1))?, group(found, 2))),
    ),
    (r"\b(Street|Avenue|Boulevard|Road|Drive|Lane|Court|Place) (N|S|E|W|NE|NW|SE|SW)\b\.?", |found| {
        Some(format!("{} {}", group(found, 1), direction(group(found, 2))?))
    }),
    (r"\b(?:(Hwy|Rte|Highway|Route)\.? |(I)-)(\d{1,3})\b", |found| {
        let road = match group(found, 1) {
            "Hwy" | "Highway" => "Highway",
            "" => group(found, 2),
            _ => "Route",
        };
        Some(format!("{road} {}", road_number(group(found, 3))?))
    }),
    (r"(?i)\b(box) (\d{3,})\b", |found| Some(format!("{} {}", group(found, 1), digits(group(found, 2))))),
    // Springfield, IL
    (r"([a-z]), ([A-Z]{2})\b", |found| Some(format!("{}, {}", group(found, 1), state(group(found, 2))?))),
    (r"\bDrs\b\.?", |_| Some("Doctors".to_owned())),
    (r"\bPh\.?D\b\.?", |_| Some("P H D".to_owned())),
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
    (r"\bNo\.\s?(\d)", |found| Some(format!("number {}", group(found, 1)))),
    // "Yes or no. 5 people" is not the fifth of anything.
    (
        r"(?i)\b(order|invoice|reference|ref|room|account|acct|case|serial|part|policy|flight|ticket|item|model|phone|tel|fax|suite|unit|bus|line|track|platform|gate|house|license|permit) no\.\s?(\d)",
        |found| Some(format!("{} number {}", group(found, 1), group(found, 2))),
    ),
    (r"\bNos\.\s?(\d)", |found| Some(format!("numbers {}", group(found, 1)))),
    (r"(?i)\ba\.?k\.?a\b\.?", |_| Some("also known as".to_owned())),
    (r"\bc/o\b", |_| Some("care of".to_owned())),
    (r"\bC\+\+", |_| Some("C plus plus".to_owned())),
    (r"\b(\d[\d,]*)\+(\s|$|[,.;:!?)])", |found| Some(format!("{} plus{}", group(found, 1), group(found, 2)))),
    (r"\b([A-F])\+(\s|$|[,.;:!?)])", |found| Some(format!("{} plus{}", initials(group(found, 1)), group(found, 2)))),
    // Kings and parts of a series are counted in Roman numbers.
    (r"\b([A-Z][a-z]+) (X{2,3}(?:IX|IV|V?I{0,3})|X(?:IX|IV|VI{0,3}|I{1,3})|IX|IV|VI{1,3}|III?)\b", |found| {
        let (name, value) = (group(found, 1), roman(group(found, 2)));
        match name {
            "The" | "An" | "Your" | "Our" | "My" | "This" | "For" | "With" | "In" | "On" | "No" => None,
            _ if SERIES.contains(&name) => Some(format!("{name} {}", cardinal(value))),
            _ => Some(format!("{name} the {}", ordinal(value))),
        }
    }),
    (r"\bw/o\b", |_| Some("without".to_owned())),
    (r"\bw/", |_| Some("with ".to_owned())),
    (r"\b(and)/(or)\b", |_| Some("and or".to_owned())),
    (r"\b([A-Z]{1,3})&([A-Z]{1,3})\b", |found| {
        Some(format!("{} and {}", initials(group(found, 1)), initials(group(found, 2))))
    }),
    (r"&", |_| Some(" and ".to_owned())),
    (r"(\w)\s?\+\s?(\w)", |found| Some(format!("{} plus {}", group(found, 1), group(found, 2)))),
    (r"\s=\s", |_| Some(" equals ".to_owned())),
    (r"(\d)\s?×\s?(\d)", |found| Some(format!("{} times {}", group(found, 1), group(found, 2)))),
    (r"(^|\s)@(\p{L})", |found| Some(format!("{}at {}", group(found, 1), group(found, 2)))),
    (r"#(\p{L})", |found| Some(format!("hashtag {}", group(found, 1)))),
    (
        r"(?i)\b(plan|vitamin|option|section|exit|gate|suite|unit|building|door|type|line|room|apartment) (?-i:A)\b",
        |found| Some(format!("{} ay", group(found, 1))),
    ),
    (r"\s@\s", |_| Some(" at ".to_owned())),
    // U.S., J. K. Rowling
    (r"\b(?:\p{Lu}\.\s?){2,}", |found| Some(format!("{} ", initials(group(found, 0))))),
    (r"\b(\p{Lu})\.\s(\p{Lu}\p{Ll})", |found| Some(format!("{} {}", initials(group(found, 1)), group(found, 2)))),
    (r"\b\p{Lu}{2,}s?\b", |found| Some(capitals(group(found, 0)))),
];

/// What is numbered rather than the second or third of its name.
const SERIES: [&str; 24] = [
    "Act", "Appendix", "Article", "Bowl", "Building", "Chapter", "Class", "Grade", "Group", "Level", "Mark", "Model",
    "Part", "Phase", "Rocky", "Section", "Stage", "Step", "Suite", "Tier", "Title", "Type", "Volume", "War",
];

/// The value of a Roman number below forty.
fn roman(number: &str) -> u64 {
    let value = |letter: char| match letter {
        'X' => 10,
        'V' => 5,
        _ => 1,
    };
    let values: Vec<u64> = number.chars().map(value).collect();
    let (mut sum, mut greatest) = (0, 0);
    for &value in values.iter().rev() {
        // A smaller one before a greater one is taken off.
        if value < greatest {
            sum -= value;
        } else {
            sum += value;
        }
        greatest = greatest.max(value);
    }
    sum
}

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

fn direction(short: &str) -> Option<&'static str> {
    Some(match short {
        "N" => "North",
        "S" => "South",
        "E" => "East",
        "W" => "West",
        "NE" => "Northeast",
        "NW" => "Northwest",
        "SE" => "Southeast",
        "SW" => "Southwest",
        _ => return None,
    })
}

/// `101` as "one oh one", `280` as "two eighty", `95` as "ninety five".
fn road_number(number: &str) -> Option<String> {
    let value: u64 = number.parse().ok()?;
    Some(match (value / 100, value % 100) {
        (0, rest) => cardinal(rest),
        (_, 0) => cardinal(value),
        (hundreds, rest @ 1..10) => format!("{} oh {}", cardinal(hundreds), cardinal(rest)),
        (hundreds, rest) => format!("{} {}", cardinal(hundreds), cardinal(rest)),
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
