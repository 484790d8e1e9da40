//! Amounts of something: money, percentages, measures.

use super::{
    Rule, group, number,
    numbers::{cardinal, digits},
};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)([\p{L}\d])\s?/\s?(month|year|week|day|hour|night|person|each|mo|yr|hr|wk)\b", |found| {
        let unit = match group(found, 2).to_lowercase().as_str() {
            "mo" => "month".to_owned(),
            "yr" => "year".to_owned(),
            "hr" => "hour".to_owned(),
            "wk" => "week".to_owned(),
            unit => unit.to_owned(),
        };
        Some(format!("{} per {unit}", group(found, 1)))
    }),
    (r"(^|\s)-([$£€¥]\d)", |found| Some(format!("{}minus {}", group(found, 1), group(found, 2)))),
    (r"([$£€¥])(\d[\d,]*)\s?-\s?[$£€¥]?(\d[\d,]*)\b", |found| {
        let (whole, _) = currency(group(found, 1))?;
        Some(format!("{} to {} {}", cardinal(number(found, 2)?), cardinal(number(found, 3)?), plural(whole, 2)))
    }),
    (r"\bUSD\s?(\d[\d,]*)\b", |found| Some(format!("{} U S dollars", cardinal(number(found, 1)?)))),
    (r"\b(\d+)\s?-\s?(\d+)\s?%", |found| {
        Some(format!("{} to {} percent", cardinal(number(found, 1)?), cardinal(number(found, 2)?)))
    }),
    (r"\b(\d[\d,]*)\s?sq\.?\s?(?:ft|feet)\b\.?", |found| Some(format!("{} square feet", cardinal(number(found, 1)?)))),
    (r#"\b(\d+)\s?(?:ft\.?|')\s?(\d+)\s?(?:in\b\.?|")"#, |found| {
        let (feet, inches) = (number(found, 1)?, number(found, 2)?);
        let (foot, inch) = (plural("foot", feet), plural("inch", inches));
        Some(format!("{} {foot} {} {inch} ", cardinal(feet), cardinal(inches)))
    }),
    (r"([$£€¥])\s?(\d[\d,]*(?:\.\d+)?)\s?(?i:(thousand|million|billion|trillion)|([kmb]))\b", |found| {
        let scale = match group(found, 4) {
            "k" | "K" => "thousand",
            "m" | "M" => "million",
            "b" | "B" => "billion",
            _ => group(found, 3),
        };
        let (whole, _) = currency(group(found, 1))?;
        Some(format!("{} {scale} {}", decimal(group(found, 2))?, plural(whole, 2)))
    }),
    (r"([$£€¥])\s?(\d[\d,]*)(?:\.(\d{2}))?\b", |found| {
        let (whole, part) = currency(group(found, 1))?;
        let (amount, parts) = (number(found, 2)?, number(found, 3).unwrap_or(0));
        let wholes = format!("{} {}", cardinal(amount), plural(whole, amount));
        let cents = format!("{} {}", cardinal(parts), plural(part, parts));
        Some(match (amount, parts) {
            (_, 0) => wholes,
            (0, _) => cents,
            _ => format!("{wholes} and {cents}"),
        })
    }),
    (r"\b(\d+)\s?¢", |found| {
        let cents = number(found, 1)?;
        Some(format!("{} {}", cardinal(cents), plural("cent", cents)))
    }),
    (r"(\d[\d,]*(?:\.\d+)?)\s?%", |found| Some(format!("{} percent", decimal(group(found, 1))?))),
    (r"(-)?\b(\d+(?:\.\d+)?)\s?°\s?([FC]\b)?", |found| {
        let sign = if group(found, 1).is_empty() { "" } else { "minus " };
        let scale = match group(found, 3) {
            "F" => " Fahrenheit",
            "C" => " Celsius",
            _ => "",
        };
        Some(format!("{sign}{} degrees{scale} ", decimal(group(found, 2))?))
    }),
    (
        r"\b(\d[\d,]*(?:\.\d+)?)\s?(Mbps|Gbps|kWh|km|mi|ft|cm|mm|kg|lbs?|oz|mph|hrs?|mins?|secs?|GB|MB|KB|kHz|Hz|kW|sq)\b\.?",
        |found| {
            let unit = unit(group(found, 2))?;
            let amount = group(found, 1);
            let one = if amount == "1" { 1 } else { 2 };
            Some(format!("{} {}", decimal(amount)?, plural(unit, one)))
        },
    ),
];

/// "two point five" or "twelve hundred".
fn decimal(text: &str) -> Option<String> {
    let plain = text.replace(',', "");
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, part)| (whole, Some(part)));
    let whole = cardinal(whole.parse().ok()?);
    Some(fraction.map_or(whole.clone(), |fraction| format!("{whole} point {}", digits(fraction))))
}

/// The names of a currency's whole and of its hundredth.
fn currency(sign: &str) -> Option<(&'static str, &'static str)> {
    match sign {
        "$" => Some(("dollar", "cent")),
        "£" => Some(("pound", "penny")),
        "€" => Some(("euro", "cent")),
        "¥" => Some(("yen", "sen")),
        _ => None,
    }
}

fn unit(short: &str) -> Option<&'static str> {
    Some(match short {
        "Mbps" => "megabit per second",
        "Gbps" => "gigabit per second",
        "kWh" => "kilowatt hour",
        "km" => "kilometer",
        "mi" => "mile",
        "ft" => "foot",
        "cm" => "centimeter",
        "mm" => "millimeter",
        "kg" => "kilogram",
        "lb" | "lbs" => "pound",
        "oz" => "ounce",
        "mph" => "mile per hour",
        "hr" | "hrs" => "hour",
        "min" | "mins" => "minute",
        "sec" | "secs" => "second",
        "GB" => "gigabyte",
        "MB" => "megabyte",
        "KB" => "kilobyte",
        "kHz" => "kilohertz",
        "Hz" => "hertz",
        "kW" => "kilowatt",
        "sq" => "square",
        _ => return None,
    })
}

fn plural(name: &str, count: u64) -> String {
    match name {
        name if count == 1 => name.to_owned(),
        "penny" => "pence".to_owned(),
        "foot" => "feet".to_owned(),
        "inch" => "inches".to_owned(),
        "megabit per second" => "megabits per second".to_owned(),
        "gigabit per second" => "gigabits per second".to_owned(),
        "mile per hour" => "miles per hour".to_owned(),
        "hertz" | "kilohertz" | "square" | "yen" => name.to_owned(),
        name => format!("{name}s"),
    }
}
