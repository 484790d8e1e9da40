//! Percentages, temperatures, sizes and other measures.

use super::{
    numbers::{cardinal, digits},
    rule::{Rule, group, number},
};

pub(super) const RULES: &[Rule] = &[
    (r"\s?±\s?", |_| Some(" plus or minus ".to_owned())),
    (r"(^|\s)[~≈]\s?(\d)", |found| Some(format!("{}about {}", group(found, 1), group(found, 2)))),
    (r"(?i)\bkm/h\b", |_| Some("kilometers per hour".to_owned())),
    (r"\b(\d+)\s?\^\s?(\d+)\b", |found| Some(format!("{} to the power of {}", group(found, 1), group(found, 2)))),
    (r"(^|[\s(])\.(\d+)\b", |found| Some(format!("{}point {}", group(found, 1), digits(group(found, 2))))),
    (r"%\s?-\s?(\d)", |found| Some(format!("% to {}", group(found, 1)))),
    (r"\b(\d+)\s?-\s?(\d+)\s?%", |found| {
        Some(format!("{} to {} percent", cardinal(number(found, 1)?), cardinal(number(found, 2)?)))
    }),
    (r"\b(\d[\d,]*)\s?sq\.?\s?(?:ft|feet)\b\.?", |found| Some(format!("{} square feet", cardinal(number(found, 1)?)))),
    (r#"\b(\d+)\s?(?:ft\.?\s?(\d+)\s?(?:in\b\.?|")|'\s?(\d{1,2})\b(?:\s?in\b\.?|"|''|))"#, |found| {
        let (feet, inches) = (number(found, 1)?, number(found, 2).or(number(found, 3))?);
        let (foot, inch) = (plural("foot", feet), plural("inch", inches));
        Some(format!("{} {foot} {} {inch} ", cardinal(feet), cardinal(inches)))
    }),
    (r"(^|[\s(])(\d+)'([\s,.;:!?)]|$)", |found| {
        let feet = number(found, 2)?;
        Some(format!("{}{} {}{}", group(found, 1), cardinal(feet), plural("foot", feet), group(found, 3)))
    }),
    // Quotations are unquoted by now.
    (r#"(^|[\s(])(\d+)(?:"|'')([\s,.;:!?)]|$)"#, |found| {
        let inches = number(found, 2)?;
        Some(format!("{}{} {}{}", group(found, 1), cardinal(inches), plural("inch", inches), group(found, 3)))
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
        r"\b(\d[\d,]*(?:\.\d+)?)\s?(Mbps|Gbps|kWh|km|mi|ft|cm|mm|kg|mg|ug|ml|mL|lbs?|oz|mph|hrs?|mins?|secs?|TB|GB|MB|KB|kB|GHz|MHz|kHz|Hz|kW|sq)\b\.?",
        |found| {
            let unit = unit(group(found, 2))?;
            let amount = group(found, 1);
            let one = if amount == "1" { 1 } else { 2 };
            Some(format!("{} {}", decimal(amount)?, plural(unit, one)))
        },
    ),
    (r"\b(\d[\d,]*(?:\.\d+)?) ([msghl])\b", |found| {
        let one = if group(found, 1) == "1" { 1 } else { 2 };
        Some(format!("{} {}", decimal(group(found, 1))?, plural(unit(group(found, 2))?, one)))
    }),
];

/// "two point five" or "twelve hundred".
pub(super) fn decimal(text: &str) -> Option<String> {
    let plain = text.replace(',', "");
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, part)| (whole, Some(part)));
    let whole = cardinal(whole.parse().ok()?);
    Some(fraction.map_or(whole.clone(), |fraction| format!("{whole} point {}", digits(fraction))))
}

fn unit(short: &str) -> Option<&'static str> {
    Some(match short {
        "Mbps" => "megabit per second",
        "Gbps" => "gigabit per second",
        "kWh" => "kilowatt hour",
        "m" => "meter",
        "s" => "second",
        "h" => "hour",
        "g" => "gram",
        "l" => "liter",
        "mg" => "milligram",
        "ug" => "microgram",
        "ml" | "mL" => "milliliter",
        "TB" => "terabyte",
        "GHz" => "gigahertz",
        "MHz" => "megahertz",
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
        "KB" | "kB" => "kilobyte",
        "kHz" => "kilohertz",
        "Hz" => "hertz",
        "kW" => "kilowatt",
        "sq" => "square",
        _ => return None,
    })
}

pub(super) fn plural(name: &str, count: u64) -> String {
    match name {
        name if count == 1 => name.to_owned(),
        "penny" => "pence".to_owned(),
        "foot" => "feet".to_owned(),
        "inch" => "inches".to_owned(),
        "megabit per second" => "megabits per second".to_owned(),
        "gigabit per second" => "gigabits per second".to_owned(),
        "mile per hour" => "miles per hour".to_owned(),
        "hertz" | "kilohertz" | "megahertz" | "gigahertz" | "square" | "yen" | "sen" | "won" | "yuan" | "fen" => {
            name.to_owned()
        }
        "paisa" => "paise".to_owned(),
        name if name.ends_with("krona") => format!("{}or", name.trim_end_matches('a')),
        name if name.ends_with("krone") => format!("{name}r"),
        name => format!("{name}s"),
    }
}
