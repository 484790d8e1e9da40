//! Measures files without writing anything: `cargo run --example loudness FILE…`.

use voicemill_audio::format::AudioError;
use voicemill_audio::pipeline;
use voicemill_audio::spec::{RenderSpec, SourceSpec};

fn main() -> Result<(), AudioError> {
    for path in std::env::args().skip(1) {
        let source = SourceSpec { path: path.clone().into(), hint: None, role: None };
        let spec = RenderSpec { phone_report: true, ..RenderSpec::of(vec![source]) };
        let report = pipeline::render(&spec)?;
        let lufs = report.loudness_in_lufs.map_or("silent".to_owned(), |lufs| format!("{lufs:.1} LUFS"));
        let cut = if report.truncated { ", cut short" } else { "" };
        eprintln!("{path}: {:.3} s, {lufs}{cut}", report.duration_seconds);
    }
    Ok(())
}
