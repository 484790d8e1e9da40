//! Amounts of something: money, percentages, measures.

use super::{
    Rule, group, number,
    numbers::{cardinal, digits},
};

pub(super) const RULES: &[Rule] = &[
    (r"([$£€])\s?(\d[\d,]*(?:\.\d+)?)\s?(?i:(thousand|million|billion|trillion)|([kmb]))\b", |found| {
        let scale = match group(found, 4) {
            "k" | "K" => "thousand",
            "m" | "M" => "million",
            "b" | "B" => "billion",
            _ => group(found, 3),
        };
        let (whole, _) = currency(group(found, 1))?;
        Some(format!("{} {scale} {}", decimal(group(found, 2))?, plural(whole, 2)))
    }),
    (r"([$£€])\s?(\d[\d,]*)(?:\.(\d{2}))?\b", |found| {
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
        r"\b(\d[\d,]*(?:\.\d+)?)\s?(km|mi|ft|cm|mm|kg|lbs?|oz|mph|hrs?|mins?|secs?|GB|MB|KB|kHz|Hz|kW|sq)\b\.?",
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
        _ => None,
    }
}

fn unit(short: &str) -> Option<&'static str> {
    Some(match short {
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
        "mile per hour" => "miles per hour".to_owned(),
        "hertz" | "kilohertz" | "square" => name.to_owned(),
        name => format!("{name}s"),
    }
}
