//! What a phone makes of a file, as it is answered.

use serde::Serialize;

/// What was found in a file, and what of it a caller hears over a narrowband phone.
#[derive(Debug, Serialize)]
pub(in crate::http) struct PhoneReport {
    /// As it came; null for silence, as in what follows.
    loudness_in_lufs: Option<f64>,
    /// As a phone plays it.
    loudness_out_lufs: Option<f64>,
    /// Peaks that were cut off because the recording was too loud.
    clipped_peaks: u64,
    /// Share of the energy above 3.4 kHz, from 0 to 1.
    band_lost: Option<f64>,
    /// Silence left out at both ends together.
    trimmed_seconds: f64,
    /// The file ended before it said it would.
    truncated: bool,
    /// How far speech stands above the noise behind it.
    snr_db: Option<f64>,
    noise_reduced: bool,
    hum_removed: bool,
    opposite_phase: bool,
}

impl From<voicemill_audio::PhoneReport> for PhoneReport {
    fn from(report: voicemill_audio::PhoneReport) -> Self {
        Self {
            loudness_in_lufs: report.loudness_in_lufs,
            loudness_out_lufs: report.loudness_out_lufs,
            clipped_peaks: report.clipped_peaks,
            band_lost: report.band_lost,
            trimmed_seconds: report.trimmed_seconds,
            truncated: report.truncated,
            snr_db: report.snr_db,
            noise_reduced: report.noise_reduced,
            hum_removed: report.hum_removed,
            opposite_phase: report.opposite_phase,
        }
    }
}
