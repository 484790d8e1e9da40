//! What a phone makes of a file, told to the person who sent it.

/// What was found in a file, and what of it a caller hears over a narrowband phone.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PhoneReport {
    /// Loudness as it came, in LUFS; nothing for silence.
    pub loudness_in_lufs: Option<f64>,
    /// Loudness as a phone plays it, in LUFS; nothing for silence.
    pub loudness_out_lufs: Option<f64>,
    /// Peaks that were cut off because the recording was too loud.
    pub clipped_peaks: u64,
    /// Share of the energy above 3.4 kHz, which a narrowband phone does not carry: 0 to 1; nothing for silence.
    pub band_lost: Option<f64>,
    /// Silence left out at both ends together, in seconds.
    pub trimmed_seconds: f64,
    /// The file ended before it said it would.
    pub truncated: bool,
    /// How far speech stands above the noise behind it, in dB; nothing where there is no speech or no steady noise.
    pub snr_db: Option<f64>,
    /// Noise was reduced because of that; the original is kept as it came.
    pub noise_reduced: bool,
    /// Hum, rumble or bass below a voice was taken out, because it took loudness away from the voice.
    #[serde(default)]
    pub hum_removed: bool,
    /// The two channels were in opposite phase and would have cancelled each other on a phone; one was inverted.
    #[serde(default)]
    pub opposite_phase: bool,
}
