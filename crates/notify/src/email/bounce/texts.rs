//! Reports in plain words, of servers that know nothing of RFC 3464.

use super::{Bounce, Fate, Outcome, fields::Fields, named, parts::Part, shortened};

/// Most lines of such a report that are read.
const MOST_LINES: usize = 5_000;

/// What such a report says; nothing if it is none.
pub(super) fn read(report: &Part<'_>) -> Option<Bounce> {
    let text = report.text();
    let lines: Vec<&str> = text.lines().take(MOST_LINES).map(str::trim_end).collect();
    qmail(&lines).or_else(|| exim(&Fields::of(report.head()), &lines))
}

/// qmail's: <https://cr.yp.to/proto/qsbmf.txt>. Paragraphs that begin with an address tell of it; a line that begins with a
/// dash ends them, and then comes a copy of the mail.
fn qmail(lines: &[&str]) -> Option<Bounce> {
    let first = lines.iter().position(|line| !line.is_empty())?;
    if !lines[first].starts_with("Hi. This is") {
        return None;
    }
    let end = lines.iter().position(|line| line.starts_with('-')).unwrap_or(lines.len());
    let mut outcomes = Vec::new();
    for paragraph in lines[first..end].split(|line| line.is_empty()) {
        let Some((head, words)) = paragraph.split_first() else { continue };
        let address = head.strip_prefix('<').and_then(|head| head.strip_suffix(">:"));
        let Some(address) = address else { continue };
        outcomes.push(Outcome {
            recipients: vec![address.to_owned()],
            fate: Fate::Failed,
            answer: shortened(&words.join(" ")),
        });
    }
    Some(Bounce { mails: copy(&lines[end..]), outcomes })
}

/// Exim's: who failed stands in a field of the head, why in the text below each address, and the mail's copy at the end.
fn exim(head: &Fields, lines: &[&str]) -> Option<Bounce> {
    let failed: Vec<&str> = head
        .all("X-Failed-Recipients")
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .collect();
    if failed.is_empty() {
        return None;
    }
    let end = lines.iter().position(|line| line.starts_with("---")).unwrap_or(lines.len());
    let outcomes = failed.iter().map(|address| {
        let at = lines[..end].iter().position(|line| line.trim() == *address);
        let words =
            at.map(|at| lines[at + 1..end].iter().take_while(|line| !line.is_empty()).copied().collect::<Vec<_>>());
        Outcome {
            recipients: vec![(*address).to_owned()],
            fate: Fate::Failed,
            answer: shortened(&words.unwrap_or_default().join(" ")),
        }
    });
    Some(Bounce { mails: copy(&lines[end..]), outcomes: outcomes.collect() })
}

/// The names of the mail that is copied behind a line of dashes.
fn copy(lines: &[&str]) -> Vec<String> {
    let copy: Vec<&str> = lines.iter().skip_while(|line| line.starts_with('-') || line.is_empty()).copied().collect();
    named(&Fields::of(&copy.join("\n")))
}
