//! Amounts of money, with the currency before or behind.

use super::{
    measures::{decimal, plural},
    numbers::{cardinal, digits},
    rule::{Rule, group, number},
};

pub(super) const RULES: &[Rule] = &[
    (r"(?i)([\p{L}\d])\s?/\s?(month|year|week|day|hour|minute|night|person|each|mo|yr|hr|min|wk)\b", |found| {
        let unit = match group(found, 2).to_lowercase().as_str() {
            "mo" => "month".to_owned(),
            "yr" => "year".to_owned(),
            "hr" => "hour".to_owned(),
            "min" => "minute".to_owned(),
            "wk" => "week".to_owned(),
            unit => unit.to_owned(),
        };
        Some(format!("{} per {unit}", group(found, 1)))
    }),
    (r"(^|\s)-((?:\b(?:US|AU|CA|NZ|HK|SG|A|C|S|R))?\$|[£€¥₹₩₺₪₱₦₽₫₴])(\d)", |found| {
        Some(format!("{}minus {}{}", group(found, 1), group(found, 2), group(found, 3)))
    }),
    // 20 €, 1.50 USD: as if the currency stood before.
    (r"\b(\d[\d.,]*\d|\d)\s?([£€₹₩₺₪₱₦₽₫₴])", |found| {
        Some(format!("{}{} ", group(found, 2), group(found, 1)))
    }),
    (
        r"\b(\d[\d.,]*\d|\d)\s?(USD|EUR|GBP|CHF|CAD|AUD|NZD|JPY|CNY|RMB|INR|MXN|HKD|SGD|SEK|NOK|DKK|PLN|BRL|KRW)\b",
        |found| said(group(found, 2), group(found, 1), ""),
    ),
    (
        r"\b(USD|EUR|GBP|CHF|CAD|AUD|NZD|JPY|CNY|RMB|INR|MXN|HKD|SGD|SEK|NOK|DKK|PLN|BRL|KRW)\s?(\d[\d.,]*\d|\d)\b",
        |found| said(group(found, 1), group(found, 2), ""),
    ),
    (
        r"((?:\b(?:US|AU|CA|NZ|HK|SG|A|C|S|R))?\$|[£€¥₹₩₺₪₱₦₽₫₴])(\d[\d,]*)\s?-\s?(?:(?:\b(?:US|AU|CA|NZ|HK|SG|A|C|S|R))?\$|[£€¥₹₩₺₪₱₦₽₫₴])?(\d[\d,]*)\b",
        |found| {
            let (whole, _) = currency(group(found, 1))?;
            Some(format!("{} to {} {}", cardinal(number(found, 2)?), cardinal(number(found, 3)?), plural(whole, 2)))
        },
    ),
    (
        r"((?:\b(?:US|AU|CA|NZ|HK|SG|A|C|S|R))?\$|[£€¥₹₩₺₪₱₦₽₫₴])\s?(\d[\d,]*(?:\.\d+)?)\s?(?i:(thousand|million|billion|trillion)|(k|mn|mm|m|bn|b|tn))\b",
        |found| {
            let scale = match group(found, 4).to_lowercase().as_str() {
                "k" => "thousand",
                "m" | "mn" | "mm" => "million",
                "b" | "bn" => "billion",
                "tn" => "trillion",
                _ => group(found, 3),
            };
            said(group(found, 1), group(found, 2), scale)
        },
    ),
    (
        r"((?:\b(?:US|AU|CA|NZ|HK|SG|A|C|S|R))?\$|[£€¥₹₩₺₪₱₦₽₫₴])\s?(\d[\d.,]*\d|\d|\.\d+)",
        |found| said(group(found, 1), group(found, 2), ""),
    ),
    (r"\b(\d+)\s?¢", |found| {
        let cents = number(found, 1)?;
        Some(format!("{} {}", cardinal(cents), plural("cent", cents)))
    }),
];

/// `1234.50` dollars as "one thousand two hundred thirty four dollars and fifty cents"; with a scale, so many of that.
fn said(sign: &str, amount: &str, scale: &str) -> Option<String> {
    let (whole_name, part_name) = currency(sign)?;
    let (whole, part) = split(amount);
    if !scale.is_empty() {
        let amount = if part.is_empty() { whole } else { format!("{whole}.{part}") };
        return Some(format!("{} {scale} {}", decimal(&amount)?, plural(whole_name, 2)));
    }
    let wholes: u64 = whole.parse().ok()?;
    // ".5" of a dollar is fifty cents, and more places than two are read as they stand.
    let parts: u64 = match part.len() {
        0 => 0,
        1 => 10 * part.parse::<u64>().ok()?,
        2 => part.parse().ok()?,
        _ => return Some(format!("{} point {} {}", cardinal(wholes), digits(&part), plural(whole_name, 2))),
    };
    let wholes_said = format!("{} {}", cardinal(wholes), plural(whole_name, wholes));
    let parts_said = format!("{} {}", cardinal(parts), plural(part_name, parts));
    Some(match (wholes, parts) {
        (_, 0) => wholes_said,
        (0, _) => parts_said,
        _ => format!("{wholes_said} and {parts_said}"),
    })
}

/// The whole and the part of an amount, whichever of point and comma stands between: `1,234.56`, `1.234,56`, `9,99`.
fn split(amount: &str) -> (String, String) {
    let plain = |text: &str| match text {
        "" => "0".to_owned(),
        text => text.chars().filter(char::is_ascii_digit).collect(),
    };
    let Some(at) = amount.rfind(['.', ',']) else { return (plain(amount), String::new()) };
    let (whole, part) = (&amount[..at], &amount[at + 1..]);
    let mark = &amount[at..=at];
    // Three digits behind a comma, or behind one of several points, are thousands.
    let thousands = part.len() == 3 && (mark == "," || whole.contains('.'));
    if thousands { (plain(amount), String::new()) } else { (plain(whole), part.to_owned()) }
}

/// The names of a currency's whole and of its hundredth.
fn currency(sign: &str) -> Option<(&'static str, &'static str)> {
    Some(match sign {
        "$" => ("dollar", "cent"),
        "US$" | "USD" => ("U S dollar", "cent"),
        "A$" | "AU$" | "AUD" => ("Australian dollar", "cent"),
        "C$" | "CA$" | "CAD" => ("Canadian dollar", "cent"),
        "NZ$" | "NZD" => ("New Zealand dollar", "cent"),
        "HK$" | "HKD" => ("Hong Kong dollar", "cent"),
        "S$" | "SG$" | "SGD" => ("Singapore dollar", "cent"),
        "R$" | "BRL" => ("real", "centavo"),
        "£" | "GBP" => ("pound", "penny"),
        "€" | "EUR" => ("euro", "cent"),
        "¥" | "JPY" => ("yen", "sen"),
        "CNY" | "RMB" => ("yuan", "fen"),
        "CHF" => ("Swiss franc", "centime"),
        "MXN" => ("Mexican peso", "centavo"),
        "SEK" => ("Swedish krona", "ore"),
        "NOK" => ("Norwegian krone", "ore"),
        "DKK" => ("Danish krone", "ore"),
        "PLN" => ("zloty", "grosz"),
        "₹" | "INR" => ("rupee", "paisa"),
        "₩" | "KRW" => ("won", "jeon"),
        "₺" => ("lira", "kurus"),
        "₪" => ("shekel", "agora"),
        "₱" => ("peso", "centavo"),
        "₦" => ("naira", "kobo"),
        "₽" => ("ruble", "kopek"),
        "₫" => ("dong", "hao"),
        "₴" => ("hryvnia", "kopiyka"),
        _ => return None,
    })
}
