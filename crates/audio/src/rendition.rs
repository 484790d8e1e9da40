//! The second pass: gain, limiter and fades from the spool into one file, which is then decoded again and checked.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::clip::TimeSpan;
use super::decode;
use super::encode::{self, Content, EncoderOptions, OutputFormat};
use super::format::{AudioBlock, AudioError, AudioSpec, Encoder};
use super::g711::Law;
use super::intake::Track;
use super::limiter::Limiter;
use super::loudness::{LoudnessMeter, from_db, to_db};
use super::spec::{OutputReport, OutputSpec, PhoneLine};

/// Samples read from the spool at a time.
const BLOCK_SAMPLES: usize = 16_384;
/// More gain than this would only raise noise, in dB.
const MAX_GAIN_DB: f64 = 30.0;
/// What a limiter takes away from the loudness is given back, up to this much, in dB.
const MAX_MAKE_UP_DB: f64 = 12.0;
/// How far below the ceiling the limiter aims, because its estimate between samples and G.711's steps may both be off, in dB.
const CEILING_MARGIN_DB: f64 = 0.3;

/// Closer to the target than this, no more is made up, in LU.
const NEAR_ENOUGH_LU: f64 = 0.08;

/// What is done to the samples of a track on their way out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leveling {
    /// Linear.
    pub(crate) gain: f32,
    /// Linear; nothing where no peak comes near it.
    pub(crate) ceiling: Option<f32>,
    /// In LUFS, and what no peak may pass in dBTP; nothing where levels stay as they are.
    target: Option<(f64, f64)>,
    /// Loudness of the whole track so leveled, where it was measured.
    whole_lufs: Option<f64>,
}

impl Leveling {
    /// Finds the gain that brings `track` to `target_lufs` under `ceiling_dbtp`.
    pub(crate) fn of(track: &Track, target_lufs: Option<f64>, ceiling_dbtp: f64) -> Result<Self, AudioError> {
        let ceiling = from_db(ceiling_dbtp - CEILING_MARGIN_DB);
        let Some((target, lufs)) = target_lufs.zip(track.meter.lufs()) else {
            // Levels stay as they are, except for what would be cut off by the format's own full scale.
            let overshoots = track.meter.sample_peak() > 1.0;
            let whole_lufs = track.meter.lufs().filter(|_| !overshoots);
            return Ok(Self { gain: 1.0, ceiling: overshoots.then_some(ceiling), target: None, whole_lufs });
        };
        let leveled_to = Some((target, ceiling_dbtp));
        let wanted_db = (target - lufs).min(MAX_GAIN_DB);
        let gain = from_db(wanted_db);
        if track.meter.true_peak() * gain <= ceiling {
            return Ok(Self { gain, ceiling: None, target: leveled_to, whole_lufs: None });
        }
        let whole = 0..track.spool.samples();
        let (mut gain_db, target) = (wanted_db, lufs + wanted_db);
        loop {
            let leveling =
                Self { gain: from_db(gain_db), ceiling: Some(ceiling), target: leveled_to, whole_lufs: None };
            let mut meter = LoudnessMeter::new(track.spec);
            leveling.play(track, whole.clone(), |samples| {
                meter.push(samples);
                Ok(())
            })?;
            let leveling = Self { whole_lufs: meter.lufs(), ..leveling };
            let missing_db = meter.lufs().map_or(0.0, |lufs| target - lufs);
            let next_db = (gain_db + missing_db).min(wanted_db + MAX_MAKE_UP_DB);
            if missing_db < NEAR_ENOUGH_LU || next_db - gain_db < NEAR_ENOUGH_LU / 2.0 {
                return Ok(leveling);
            }
            gain_db = next_db;
        }
    }

    /// The same for a codec that adds `overshoot_db` to peaks and `drift_lu` to the loudness.
    fn against(&self, track: &Track, overshoot_db: f64, drift_lu: f64) -> Result<Self, AudioError> {
        match self.target {
            Some((lufs, dbtp)) if overshoot_db > 0.0 || drift_lu != 0.0 => {
                Self::of(track, Some(lufs - drift_lu), dbtp - overshoot_db)
            }
            _ => Ok(*self),
        }
    }

    /// Gain in dB.
    pub(crate) fn gain_db(&self) -> f64 {
        to_db(self.gain)
    }

    /// Plays a range of a track's samples to `listener`, leveled, as many as there are in the range.
    fn play(
        &self,
        track: &Track,
        samples: std::ops::Range<u64>,
        mut listener: impl FnMut(&mut Vec<f32>) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        let AudioSpec { rate_hz, channels } = track.spec;
        let mut limiter = self.ceiling.map(|ceiling| Limiter::new(rate_hz, channels, ceiling));
        let (mut read, mut limited, mut at) = (Vec::new(), Vec::new(), samples.start);
        while at < samples.end {
            track.spool.read(at, BLOCK_SAMPLES.min((samples.end - at) as usize), &mut read)?;
            if read.is_empty() {
                break;
            }
            at += read.len() as u64;
            read.iter_mut().for_each(|sample| *sample *= self.gain);
            match &mut limiter {
                Some(limiter) => {
                    limited.clear();
                    limiter.push(&read, &mut limited);
                    listener(&mut limited)?;
                }
                None => listener(&mut read)?,
            }
        }
        if let Some(limiter) = &mut limiter {
            limited.clear();
            limiter.finish(&mut limited);
            listener(&mut limited)?;
        }
        Ok(())
    }
}

/// Lengths of the fades at the ends of what was cut, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fades {
    pub(crate) in_seconds: f64,
    pub(crate) out_seconds: f64,
}

/// A codec that moves the loudness by more than this is given another try that makes up for it, in LU.
fn most_drift_lu(format: OutputFormat) -> f64 {
    match format {
        // Half of what is hardly heard, as it is the one that takes long to write again.
        OutputFormat::Opus => 0.5,
        _ => 0.3,
    }
}

/// What is coded to see what a slow codec does, in seconds.
const PROBE_SECONDS: f64 = 15.0;
/// Times that an output is written at most until it is as loud as it should be.
const MAX_TRIES: usize = 3;

/// Writes `span` of `track` as each of `outputs` says, then checks what was written.
///
/// Outputs may be written together if they want the same samples: those of formats without a codec that changes peaks. They
/// share one reading and one limiter.
pub(crate) fn render_together(
    outputs: &[&OutputSpec],
    track: &Track,
    leveling: &Leveling,
    span: TimeSpan,
    fades: Fades,
    options: &EncoderOptions,
) -> Result<Vec<OutputReport>, AudioError> {
    if let [output] = outputs {
        return Ok(vec![render(output, track, leveling, span, fades, options)?]);
    }
    let written = write(outputs, track, leveling, span, fades, options)?;
    let each = outputs.iter().map(|output| {
        let report = check(output, track.spec, &written)?;
        let is_good = Deviation::of(&report, &written, leveling).is_none_or(|off| off.is_slight(output.format));
        if is_good { Ok(report) } else { render(output, track, leveling, span, fades, options) }
    });
    each.collect()
}

/// True if a format can be written together with others.
pub(crate) fn takes_any_company(format: OutputFormat) -> bool {
    usual_overshoot_db(format) == 0.0
}

/// How far what was decoded is from what was to be.
struct Deviation {
    /// In LU.
    louder: f64,
    /// Of the peak beyond the ceiling, in dB.
    above_db: f64,
}

impl Deviation {
    /// Nothing where levels are left as they are.
    fn of(report: &OutputReport, written: &Written, leveling: &Leveling) -> Option<Self> {
        let (_, most_dbtp) = leveling.target?;
        let louder = report.loudness_lufs.zip(written.lufs).map_or(0.0, |(decoded, wanted)| decoded - wanted);
        Some(Self { louder, above_db: report.true_peak_dbtp.map_or(0.0, |peak| peak - most_dbtp) })
    }

    fn is_slight(&self, format: OutputFormat) -> bool {
        self.louder.abs() <= most_drift_lu(format) && self.above_db <= 0.0
    }
}

/// Writes `span` of `track` as `output` says, then checks what was written.
///
/// Codecs with losses change levels a little. Their usual overshoot is limited for beforehand, as encoding twice is what
/// costs most; only what is off nevertheless is written again.
fn render(
    output: &OutputSpec,
    track: &Track,
    leveling: &Leveling,
    span: TimeSpan,
    fades: Fades,
    options: &EncoderOptions,
) -> Result<OutputReport, AudioError> {
    let (mut overshoot_db, mut drift_lu) = (usual_overshoot_db(output.format), 0.0);
    // For music Opus keeps the energy of each band, for speech it has a model that does not.
    let drifts = output.format == OutputFormat::Opus && options.content == Content::Speech;
    if drifts && leveling.target.is_some() && span.seconds() > 5.0 * PROBE_SECONDS {
        // A part from the middle tells what the codec does to the loudness, in a fraction of the time.
        let start_seconds = span.start_seconds + (span.seconds() - PROBE_SECONDS) / 2.0;
        let probe = TimeSpan { start_seconds, end_seconds: start_seconds + PROBE_SECONDS };
        let written = write(&[output], track, leveling, probe, Fades::default(), options)?;
        let report = check(output, track.spec, &written)?;
        drift_lu = report.loudness_lufs.zip(written.lufs).map_or(0.0, |(decoded, wanted)| decoded - wanted);
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let leveled = leveling.against(track, overshoot_db, drift_lu)?;
        let written = write(&[output], track, &leveled, span, fades, options)?;
        let report = check(output, track.spec, &written)?;
        let Some(off) = Deviation::of(&report, &written, leveling) else { return Ok(report) };
        // What is made up for already is not off.
        let off = Deviation { louder: off.louder - drift_lu, ..off };
        if tries == MAX_TRIES || off.is_slight(output.format) {
            return Ok(report);
        }
        if off.louder.abs() > most_drift_lu(output.format) {
            drift_lu += off.louder;
        }
        if off.above_db > 0.0 {
            // What is limited lower comes out less than so much lower.
            overshoot_db += off.above_db + 0.1;
        }
    }
}

/// What codecs with losses add to peaks in most cases, in dB.
fn usual_overshoot_db(format: OutputFormat) -> f64 {
    match format {
        OutputFormat::Opus | OutputFormat::Mp3 | OutputFormat::Gsm | OutputFormat::WavGsm | OutputFormat::G722 => 0.8,
        _ => 0.0,
    }
}

/// What went into the encoders.
struct Written {
    frames: u64,
    lufs: Option<f64>,
}

/// Writes files that all hold the same samples.
fn write(
    outputs: &[&OutputSpec],
    track: &Track,
    leveling: &Leveling,
    span: TimeSpan,
    fades: Fades,
    options: &EncoderOptions,
) -> Result<Written, AudioError> {
    let (rate, channels) = (f64::from(track.spec.rate_hz), u64::from(track.spec.channels));
    let total_frames = track.spool.samples() / channels;
    let first = ((span.start_seconds * rate).round() as u64).min(total_frames);
    let end = ((span.end_seconds * rate).round() as u64).clamp(first, total_frames);
    let mut fader = Fader {
        frames_in: (fades.in_seconds * rate) as u64,
        frames_out: (fades.out_seconds * rate) as u64,
        frames: end - first,
        channels: channels as usize,
        at: 0,
    };
    let through_line = outputs.first().and_then(|output| output.through);
    let known_lufs = leveling.whole_lufs.filter(|_| end - first == total_frames && through_line.is_none());
    let mut meter = known_lufs.is_none().then(|| LoudnessMeter::new(track.spec));
    let create = |output: &&OutputSpec| encode::create(&output.path, output.format, track.spec, options);
    let mut encoders: Vec<_> = outputs.iter().map(create).collect::<Result<_, _>>()?;
    let law = through_line.map(|line| match line {
        PhoneLine::Ulaw => Law::Mu,
        PhoneLine::Alaw => Law::A,
    });
    let fades_at_all = fader.frames_in + fader.frames_out > 0;
    let mut block = AudioBlock::default();
    leveling.play(track, first * channels..end * channels, |samples| {
        if fades_at_all {
            fader.process(samples);
        }
        if let Some(law) = law {
            samples.iter_mut().for_each(|sample| *sample = through(law, *sample));
        }
        if let Some(meter) = &mut meter {
            meter.push(samples);
        }
        std::mem::swap(&mut block.samples, samples);
        let result = encoders.iter_mut().try_for_each(|encoder| encoder.write(&block));
        std::mem::swap(&mut block.samples, samples);
        result
    })?;
    encoders.into_iter().try_for_each(Encoder::finish)?;
    let lufs = known_lufs.or_else(|| meter.and_then(|meter| meter.lufs()));
    Ok(Written { frames: end - first, lufs })
}

/// A sample as it comes out at the other end of a phone line.
fn through(law: Law, sample: f32) -> f32 {
    f32::from(law.expand(law.compress(encode::to_i16(sample)))) / 32_768.0
}

/// Raised-cosine fades at both ends of a stream of known length.
struct Fader {
    frames_in: u64,
    frames_out: u64,
    frames: u64,
    channels: usize,
    at: u64,
}

impl Fader {
    fn process(&mut self, samples: &mut [f32]) {
        let ramp =
            |position: u64, length: u64| (position as f32 / length as f32 * std::f32::consts::FRAC_PI_2).sin().powi(2);
        for frame in samples.chunks_exact_mut(self.channels) {
            let left = self.frames.saturating_sub(self.at + 1);
            let gain_in = if self.at < self.frames_in { ramp(self.at, self.frames_in) } else { 1.0 };
            let gain_out = if left < self.frames_out { ramp(left, self.frames_out) } else { 1.0 };
            if gain_in * gain_out < 1.0 {
                frame.iter_mut().for_each(|sample| *sample *= gain_in * gain_out);
            }
            self.at += 1;
        }
    }
}

/// How far a codec may move the loudness of what it codes, in LU. The low-rate ones leave out what a voice doesn't need.
fn tolerance_lu(format: OutputFormat) -> f64 {
    match format {
        OutputFormat::Gsm | OutputFormat::WavGsm | OutputFormat::Opus | OutputFormat::Mp3 => 3.0,
        OutputFormat::Wav | OutputFormat::Sln | OutputFormat::Sln16 => 0.1,
        _ => 0.5,
    }
}

/// Below this loudness, coarse steps of G.711 and 16 bits change the level of what is hardly audible anyway.
const CHECKED_FROM_LUFS: f64 = -45.0;

/// Decodes a file that was written: its length, rate and level must be those that went in.
fn check(output: &OutputSpec, spec: AudioSpec, written: &Written) -> Result<OutputReport, AudioError> {
    let failed = |what: String| {
        AudioError::Malformed(format!(
            "The {} file that was written is not what was meant: {what}.",
            output.format.extension()
        ))
    };
    let mut opened = match (output.format.raw_format(), output.format) {
        (Some(raw), _) => decode::raw::open(open_output(&output.path)?, raw)?,
        // At the rate that went in, as no more can come out.
        (None, OutputFormat::Opus) => decode::open_opus(open_output(&output.path)?, spec.rate_hz)?,
        (None, _) => decode::open(&output.path, None)?,
    };
    let decoded_spec = opened.source.spec();
    if decoded_spec != spec {
        return Err(failed(format!("{} Hz and {} channels", decoded_spec.rate_hz, decoded_spec.channels)));
    }
    let mut meter = LoudnessMeter::new(decoded_spec);
    let (mut block, mut decoded_frames) = (AudioBlock::default(), 0);
    while opened.source.next_block(&mut block)? {
        decoded_frames += (block.samples.len() / usize::from(spec.channels)) as u64;
        meter.push(&block.samples);
    }
    let expected_frames = written.frames;
    let longest = expected_frames.next_multiple_of(output.format.block_frames());
    if opened.source.is_truncated() || !(expected_frames..=longest).contains(&decoded_frames) {
        return Err(failed(format!("{decoded_frames} frames instead of {expected_frames}")));
    }
    match written.lufs.filter(|lufs| *lufs >= CHECKED_FROM_LUFS) {
        Some(wanted) if meter.lufs().is_none_or(|lufs| (lufs - wanted).abs() > tolerance_lu(output.format)) => {
            return Err(failed(format!(
                "{:.1} LUFS instead of {wanted:.1}",
                meter.lufs().unwrap_or(f64::NEG_INFINITY)
            )));
        }
        _ => {}
    }
    let (bytes, sha256) = hash(&output.path)?;
    Ok(OutputReport {
        name: output.name.clone(),
        bytes,
        sha256,
        duration_seconds: decoded_spec.seconds(decoded_frames),
        rate_hz: spec.rate_hz,
        loudness_lufs: meter.lufs(),
        true_peak_dbtp: meter.true_peak_dbtp(),
    })
}

fn open_output(path: &Path) -> Result<std::fs::File, AudioError> {
    std::fs::File::open(path).map_err(AudioError::io("Reading what was written failed"))
}

fn hash(path: &Path) -> Result<(u64, String), AudioError> {
    let (mut file, mut hasher, mut bytes) = (open_output(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer).map_err(AudioError::io("Reading what was written failed"))? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok((bytes, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ChannelLayout, Span};

    const SPEC: AudioSpec = AudioSpec { rate_hz: 8_000, channels: 1 };

    /// A second of a tone, written into `directory`, and what went into it.
    fn tone(directory: &Path, format: OutputFormat) -> (OutputSpec, Written) {
        let output = OutputSpec {
            name: "tone".to_owned(),
            path: directory.join("tone"),
            format,
            rate_hz: SPEC.rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        };
        let samples: Vec<f32> = (0..8_000).map(|n| 0.3 * (n as f32 * 0.7).sin()).collect();
        let mut meter = LoudnessMeter::new(SPEC);
        meter.push(&samples);
        let mut encoder = encode::create(&output.path, format, SPEC, &EncoderOptions::default()).unwrap();
        encoder.write(&AudioBlock { samples }).unwrap();
        encoder.finish().unwrap();
        (output, Written { frames: 8_000, lufs: meter.lufs() })
    }

    #[test]
    fn a_file_of_another_length_level_or_rate_than_went_in_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        for format in [OutputFormat::Wav, OutputFormat::Ulaw] {
            let (output, Written { frames, lufs }) = tone(directory.path(), format);
            check(&output, SPEC, &Written { frames, lufs }).unwrap();
            let refusal = |spec, written| check(&output, spec, &written).unwrap_err().to_string();
            for wrong in [7_999, 8_001] {
                let sentence = refusal(SPEC, Written { frames: wrong, lufs });
                assert!(sentence.contains(&format!("8000 frames instead of {wrong}")), "{sentence}");
            }
            let louder = refusal(SPEC, Written { frames, lufs: lufs.map(|lufs| lufs + 1.0) });
            assert!(louder.contains("LUFS instead of"), "{louder}");
            let stereo = refusal(AudioSpec { channels: 2, ..SPEC }, Written { frames, lufs });
            assert!(stereo.contains("8000 Hz and 1 channels"), "{stereo}");
        }
        let (output, written) = tone(directory.path(), OutputFormat::Wav);
        let whole = std::fs::read(&output.path).unwrap();
        std::fs::write(&output.path, &whole[..whole.len() - 2]).unwrap();
        let cut = check(&output, SPEC, &written).unwrap_err().to_string();
        assert!(cut.contains("7999 frames instead of 8000"), "{cut}");
    }
}
