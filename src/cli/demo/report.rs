//! What happened, as it happens and as a table at the end.

#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use crate::cli::demo::client::Client;

struct Row {
    step: String,
    holds: bool,
    result: String,
    seconds: f64,
    audio_seconds: Option<f64>,
}

/// The steps so far.
pub(super) struct Report {
    rows: Vec<Row>,
    last: Instant,
}

impl Report {
    pub(super) fn begin() -> Self {
        Self { rows: Vec::new(), last: Instant::now() }
    }

    /// Starts the clock for the next step.
    pub(super) fn start(&mut self, what: &str) {
        println!("… {what}");
        self.last = Instant::now();
    }

    /// Records a step that took since the last one.
    pub(super) fn check(&mut self, step: &str, holds: bool, result: impl Into<String>) {
        self.push(step, holds, result.into(), self.last.elapsed(), None);
    }

    /// Records a step over audio of that length.
    pub(super) fn check_audio(&mut self, step: &str, holds: bool, result: impl Into<String>, audio_seconds: f64) {
        self.push(step, holds, result.into(), self.last.elapsed(), Some(audio_seconds));
    }

    /// Records a step over audio of that length that began before the last one.
    pub(super) fn check_since(&mut self, began: Instant, step: &str, holds: bool, result: &str, audio_seconds: f64) {
        self.push(step, holds, result.to_owned(), began.elapsed(), Some(audio_seconds));
    }

    /// Records that a step could not be taken.
    pub(super) fn failed(&mut self, step: &str, reason: impl Into<String>) {
        self.check(step, false, reason);
    }

    fn push(&mut self, step: &str, holds: bool, result: String, took: Duration, audio_seconds: Option<f64>) {
        let seconds = took.as_secs_f64();
        self.last = Instant::now();
        println!("{} {step}: {result} ({seconds:.2} s)", if holds { "✓" } else { "✗" });
        self.rows.push(Row { step: step.to_owned(), holds, result, seconds, audio_seconds });
    }

    pub(super) fn all_hold(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }

    /// Prints the table, and what failed.
    pub(super) fn print(&self) {
        let widest = |text: fn(&Row) -> &str, title: &str| {
            let longest = self.rows.iter().map(|row| text(row).chars().count()).max().unwrap_or(0);
            longest.max(title.len())
        };
        let (step, result) = (widest(|row| &row.step, "step"), widest(|row| &row.result, "result"));
        println!("\n| {:step$} | {:result$} | {:>7} | {:>11} |", "step", "result", "seconds", "× real time");
        println!("|{:-<w$}|{:-<v$}|--------:|------------:|", "", "", w = step + 2, v = result + 2);
        for row in &self.rows {
            let faster = row.audio_seconds.map_or(String::new(), |audio| format!("{:.1}", audio / row.seconds));
            println!("| {:step$} | {:result$} | {:7.2} | {faster:>11} |", row.step, row.result, row.seconds);
        }
        println!();
        let failed: Vec<_> = self.rows.iter().filter(|row| !row.holds).collect();
        if failed.is_empty() {
            println!("All {} steps hold.", self.rows.len());
        } else {
            println!("{} of {} steps failed:", failed.len(), self.rows.len());
            failed.iter().for_each(|row| println!("  {}: {}", row.step, row.result));
        }
    }
}

/// Says where to look while the service goes on.
pub(super) fn addresses(client: &Client, folder: &Path) {
    println!("\nThe service goes on at {} until Ctrl-C.", client.base());
    if let Some(page) = client.page() {
        println!("  the voicemail's page   {page}");
    }
    println!("  mails (.eml)           {}", folder.join("outbox").display());
    println!("  everything else        {}", folder.display());
    println!("  a core's key           {}", client.core_key());
    println!("  a portal's key         {}", client.portal_key());
}
