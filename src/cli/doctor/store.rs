//! `voicemill doctor --store`: what waits in the spool, and what comparing store and database found.

use std::io::Write;

use crate::{
    app::App,
    cli::doctor::Findings,
    media::sweep::{self, PassReport, Report},
};

/// Most faults that are shown one by one.
const SHOWN: usize = 20;

/// Adds what is known of store and spool; with `now`, after comparing everything.
pub(super) async fn check(app: &App, now: bool, findings: &mut Findings) -> anyhow::Result<()> {
    if now && !sweep::whole(app).await? {
        anyhow::bail!("another process compares store and database right now; try again later");
    }
    let report = sweep::report(app).await?;
    spool(&report, findings);
    for pass in &report.passes {
        comparison(pass, findings);
    }
    if report.faults == 0 {
        findings.good("blobs", "no fault is known");
    } else {
        let mut list = Vec::new();
        for fault in report.first_faults.iter().take(SHOWN) {
            write!(list, "\n    {} ({}; since {})", fault.key, fault.fault, fault.found_at)?;
        }
        findings.bad("blobs", format!("{} with a fault:{}", report.faults, String::from_utf8_lossy(&list)));
    }
    Ok(())
}

fn spool(report: &Report, findings: &mut Findings) {
    let spool = &report.spool;
    match spool.entries {
        0 => findings.good("spool", "nothing waits"),
        waiting => findings.good(
            "spool",
            format!("{waiting} wait, {} bytes, the oldest for {} seconds", spool.bytes, report.spool_age_seconds),
        ),
    }
    if spool.set_aside > 0 {
        findings.bad(
            "spool",
            format!("{} could not be used; the folder aside of the spool has them, with the reasons", spool.set_aside),
        );
    }
    let room = format!("{} bytes free, of which {} are kept", report.free_bytes, report.min_free_bytes);
    if report.free_bytes < report.min_free_bytes {
        findings.bad("disk", format!("{room}: drops are answered 507"));
    } else {
        findings.good("disk", room);
    }
}

fn comparison(pass: &PassReport, findings: &mut Findings) {
    let Some(finished_at) = pass.finished_at else {
        return findings.good(pass.name, "not compared yet");
    };
    let counts = &pass.last;
    let mut text = format!("compared at {finished_at}: {} seen, {} bytes", counts.seen, counts.bytes);
    for (count, what) in [
        (counts.waiting, "orphans too young"),
        (counts.adopted, "adopted"),
        (counts.removed, "removed"),
        (counts.kept, "kept for you to look at"),
        (counts.faulty, "faulty"),
    ] {
        if count > 0 {
            text.push_str(&format!(", {count} {what}"));
        }
    }
    findings.good(pass.name, text);
}
