//! The second pass: gain, limiter and fades from the spool into one file, which is then decoded again and checked.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::clip::TimeSpan;
use super::decode;
use super::encode::{self, Content, EncoderOptions, OutputFormat};
use super::format::{AudioBlock, AudioError, AudioSource, AudioSpec, Encoder};
use super::g711::Law;
use super::high_pass::HighPass;
use super::intake::Track;
use super::limiter::Limiter;
use super::loudness::{LoudnessMeter, from_db, to_db};
use super::spec::{OmittedOutput, OutputReport, OutputSpec, PhoneLine};

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

/// A file that was written, or why it was left out.
pub(crate) type Made = Result<OutputReport, OmittedOutput>;

/// What is to be written of a track, and how.
#[derive(Clone, Copy)]
pub(crate) struct Passage<'a> {
    pub(crate) track: &'a Track,
    pub(crate) leveling: &'a Leveling,
    pub(crate) span: TimeSpan,
    pub(crate) fades: Fades,
}

/// Writes a passage as each of `outputs` says, then checks what was written.
///
/// Outputs may be written together if they want the same samples: those of formats without a codec that changes peaks. They
/// share one reading and one limiter.
///
/// # Errors
/// Only those of reading and writing: what a codec makes of the passage is that output's affair.
pub(crate) fn render_together(
    outputs: &[&OutputSpec],
    passage: Passage<'_>,
    options: &EncoderOptions,
) -> Result<Vec<Made>, AudioError> {
    if let [output] = outputs {
        return Ok(vec![render(output, passage, options)?]);
    }
    let written = match write(outputs, passage, options) {
        Ok(written) => written,
        // Whichever of them it is, the others can be written.
        Err(error) if !error.is_transient() => {
            return outputs.iter().map(|output| render(output, passage, options)).collect();
        }
        Err(error) => return Err(error),
    };
    let each = outputs.iter().map(|output| {
        let is_good = |report: &OutputReport| {
            Deviation::of(report, &written, passage.leveling).is_none_or(|off| off.is_slight(output.format))
        };
        match check(output, passage, &written)? {
            Ok(report) if is_good(&report) => Ok(Ok(report)),
            _ => render(output, passage, options),
        }
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

/// Writes a passage as `output` says, then checks what was written. If it is not what went in, the codec's other mode is tried
/// where it has one, and else the output is left out.
fn render(output: &OutputSpec, passage: Passage<'_>, options: &EncoderOptions) -> Result<Made, AudioError> {
    let other = match options.content {
        Content::Speech => Content::Music,
        Content::Music => Content::Speech,
    };
    let modes: &[Content] =
        if output.format == OutputFormat::Opus { &[options.content, other] } else { &[options.content] };
    let mut reason = String::new();
    for content in modes {
        match render_as(output, passage, &EncoderOptions { content: *content, ..*options }) {
            Ok(Ok(report)) => return Ok(Ok(report)),
            Ok(Err(difference)) => reason = difference.to_string(),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => reason = error.to_string(),
        }
    }
    match std::fs::remove_file(&output.path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(AudioError::io("Removing what was written failed")(error))
        }
        _ => Ok(Err(OmittedOutput { name: output.name.clone(), reason })),
    }
}

/// Writes a passage in one mode.
///
/// Codecs with losses change levels a little. Their usual overshoot is limited for beforehand, as encoding twice is what
/// costs most; only what is off nevertheless is written again.
fn render_as(
    output: &OutputSpec,
    passage: Passage<'_>,
    options: &EncoderOptions,
) -> Result<Result<OutputReport, Difference>, AudioError> {
    let Passage { track, leveling, span, .. } = passage;
    let (mut overshoot_db, mut drift_lu) = (usual_overshoot_db(output.format), 0.0);
    // For music Opus keeps the energy of each band, for speech it has a model that does not.
    let drifts = output.format == OutputFormat::Opus && options.content == Content::Speech;
    if drifts && leveling.target.is_some() && span.seconds() > 5.0 * PROBE_SECONDS {
        // A part from the middle tells what the codec does to the loudness, in a fraction of the time.
        let start_seconds = span.start_seconds + (span.seconds() - PROBE_SECONDS) / 2.0;
        let span = TimeSpan { start_seconds, end_seconds: start_seconds + PROBE_SECONDS };
        let probe = Passage { span, fades: Fades::default(), ..passage };
        let written = write(&[output], probe, options)?;
        if let Ok(report) = check(output, probe, &written)? {
            drift_lu = report.loudness_lufs.zip(written.lufs).map_or(0.0, |(decoded, wanted)| decoded - wanted);
        }
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let leveled = leveling.against(track, overshoot_db, drift_lu)?;
        let passage = Passage { leveling: &leveled, ..passage };
        let written = write(&[output], passage, options)?;
        let report = match check(output, passage, &written)? {
            Ok(report) => report,
            Err(difference) => return Ok(Err(difference)),
        };
        let Some(off) = Deviation::of(&report, &written, leveling) else { return Ok(Ok(report)) };
        // What is made up for already is not off.
        let off = Deviation { louder: off.louder - drift_lu, ..off };
        if tries == MAX_TRIES || off.is_slight(output.format) {
            return Ok(Ok(report));
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
fn write(outputs: &[&OutputSpec], passage: Passage<'_>, options: &EncoderOptions) -> Result<Written, AudioError> {
    let Passage { track, leveling, .. } = passage;
    let through_line = outputs.first().and_then(|output| output.through);
    let samples = passage.samples();
    let is_whole = samples == (0..track.spool.samples());
    let known_lufs = leveling.whole_lufs.filter(|_| is_whole && through_line.is_none());
    let mut meter = known_lufs.is_none().then(|| LoudnessMeter::new(track.spec));
    let create = |output: &&OutputSpec| encode::create(&output.path, output.format, track.spec, options);
    let mut encoders: Vec<_> = outputs.iter().map(create).collect::<Result<_, _>>()?;
    let mut block = AudioBlock::default();
    passage.play(through_line, |samples| {
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
    Ok(Written { frames: (samples.end - samples.start) / u64::from(track.spec.channels), lufs })
}

impl Passage<'_> {
    /// The samples of the track that it has.
    fn samples(&self) -> std::ops::Range<u64> {
        let (rate, channels) = (f64::from(self.track.spec.rate_hz), u64::from(self.track.spec.channels));
        let total_frames = self.track.spool.samples() / channels;
        let first = ((self.span.start_seconds * rate).round() as u64).min(total_frames);
        let end = ((self.span.end_seconds * rate).round() as u64).clamp(first, total_frames);
        first * channels..end * channels
    }

    /// Plays it to `listener` as an encoder gets it: leveled, faded, and through a line if there is one.
    fn play(
        &self,
        line: Option<PhoneLine>,
        mut listener: impl FnMut(&mut Vec<f32>) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        let (rate, channels) = (f64::from(self.track.spec.rate_hz), u64::from(self.track.spec.channels));
        let samples = self.samples();
        let mut fader = Fader {
            frames_in: (self.fades.in_seconds * rate) as u64,
            frames_out: (self.fades.out_seconds * rate) as u64,
            frames: (samples.end - samples.start) / channels,
            channels: channels as usize,
            at: 0,
        };
        let law = line.map(|line| match line {
            PhoneLine::Ulaw => Law::Mu,
            PhoneLine::Alaw => Law::A,
        });
        let fades_at_all = fader.frames_in + fader.frames_out > 0;
        self.leveling.play(self.track, samples, |samples| {
            if fades_at_all {
                fader.process(samples);
            }
            if let Some(law) = law {
                samples.iter_mut().for_each(|sample| *sample = through(law, *sample));
            }
            listener(samples)
        })
    }

    /// The loudness of what any codec carries of it, in LUFS.
    fn carried_lufs(&self, line: Option<PhoneLine>) -> Result<Option<f64>, AudioError> {
        let mut carried = Carried::new(self.track.spec);
        self.play(line, |samples| {
            carried.push(samples);
            Ok(())
        })?;
        Ok(carried.meter.lufs())
    }
}

/// Measures the loudness of what every codec carries, those for speech included: they take away what lies below a voice.
struct Carried {
    high_pass: HighPass,
    meter: LoudnessMeter,
    filtered: Vec<f32>,
}

impl Carried {
    /// The band of a phone line begins a little higher, that of Opus for speech much lower.
    const FROM_HZ: f64 = 200.0;

    fn new(spec: AudioSpec) -> Self {
        let high_pass = HighPass::steep(spec, Self::FROM_HZ);
        Self { high_pass, meter: LoudnessMeter::without_peaks(spec), filtered: Vec::new() }
    }

    fn push(&mut self, samples: &[f32]) {
        self.filtered.clear();
        self.filtered.extend_from_slice(samples);
        self.high_pass.process(&mut self.filtered);
        self.meter.push(&self.filtered);
    }
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

/// In what a file that was written differs from what went in.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
enum Difference {
    #[error("it reads as {} Hz and {} channels", .0.rate_hz, .0.channels)]
    Shape(AudioSpec),
    #[error("it has {decoded} frames instead of {written}")]
    Length { decoded: u64, written: u64 },
    #[error("it is at {decoded:.1} LUFS instead of {written:.1}")]
    Loudness { decoded: f64, written: f64 },
    #[error("it does not decode: {0}")]
    Unreadable(String),
}

/// Decodes a file that was written: its length and rate must be those that went in, and so must its loudness, as far as its
/// codec carries it.
fn check(
    output: &OutputSpec,
    passage: Passage<'_>,
    written: &Written,
) -> Result<Result<OutputReport, Difference>, AudioError> {
    let decoded = match decode_again(output, passage, written) {
        Ok(Ok(decoded)) => decoded,
        Ok(Err(difference)) => return Ok(Err(difference)),
        Err(error) if error.is_transient() => return Err(error),
        Err(error) => return Ok(Err(Difference::Unreadable(error.to_string()))),
    };
    let (bytes, sha256) = hash(&output.path)?;
    let spec = passage.track.spec;
    Ok(Ok(OutputReport {
        name: output.name.clone(),
        bytes,
        sha256,
        duration_seconds: spec.seconds(decoded.frames),
        rate_hz: spec.rate_hz,
        loudness_lufs: decoded.meter.lufs(),
        true_peak_dbtp: decoded.meter.true_peak_dbtp(),
    }))
}

/// What was decoded of a file that was written.
struct Decoded {
    frames: u64,
    meter: LoudnessMeter,
}

fn decode_again(
    output: &OutputSpec,
    passage: Passage<'_>,
    written: &Written,
) -> Result<Result<Decoded, Difference>, AudioError> {
    let spec = passage.track.spec;
    let mut source = open_again(output, spec)?;
    if source.spec() != spec {
        return Ok(Err(Difference::Shape(source.spec())));
    }
    let mut meter = LoudnessMeter::new(spec);
    let frames = drain(&mut source, |samples| meter.push(samples))?;
    let longest = written.frames.next_multiple_of(output.format.block_frames());
    if source.is_truncated() || !(written.frames..=longest).contains(&frames) {
        return Ok(Err(Difference::Length { decoded: frames, written: written.frames }));
    }
    let differs = |decoded: Option<f64>, written: Option<f64>| {
        let written = written.filter(|lufs| *lufs >= CHECKED_FROM_LUFS)?;
        let decoded = decoded.unwrap_or(f64::NEG_INFINITY);
        ((decoded - written).abs() > tolerance_lu(output.format)).then_some(Difference::Loudness { decoded, written })
    };
    if differs(meter.lufs(), written.lufs).is_some() {
        // Most often what is missing lies so low that the codec leaves it out by intention.
        let mut carried = Carried::new(spec);
        drain(&mut open_again(output, spec)?, |samples| carried.push(samples))?;
        if let Some(difference) = differs(carried.meter.lufs(), passage.carried_lufs(output.through)?) {
            return Ok(Err(difference));
        }
    }
    Ok(Ok(Decoded { frames, meter }))
}

/// Reads a file that was written.
fn open_again(output: &OutputSpec, spec: AudioSpec) -> Result<Box<dyn AudioSource>, AudioError> {
    let opened = match (output.format.raw_format(), output.format) {
        (Some(raw), _) => decode::raw::open(open_output(&output.path)?, raw)?,
        // At the rate that went in, as no more can come out.
        (None, OutputFormat::Opus) => decode::open_opus(open_output(&output.path)?, spec.rate_hz)?,
        (None, _) => decode::open(&output.path, None)?,
    };
    Ok(opened.source)
}

/// Plays all of a source to `listener`; its length in frames.
fn drain(source: &mut dyn AudioSource, mut listener: impl FnMut(&[f32])) -> Result<u64, AudioError> {
    let (channels, mut block, mut frames) = (usize::from(source.spec().channels), AudioBlock::default(), 0);
    while source.next_block(&mut block)? {
        frames += (block.samples.len() / channels) as u64;
        listener(&block.samples);
    }
    Ok(frames)
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
    use crate::spool::SpoolWriter;

    const SPEC: AudioSpec = AudioSpec { rate_hz: 8_000, channels: 1 };
    const WHOLE: TimeSpan = TimeSpan { start_seconds: 0.0, end_seconds: 1.0 };

    /// A second of a tone at 900 Hz, and the same tone under a hum of 50 Hz.
    fn track(directory: &Path, hum: f32) -> Track {
        track_of(SPEC, directory, hum)
    }

    fn track_of(spec: AudioSpec, directory: &Path, hum: f32) -> Track {
        let sine = |n: u16, hz: f32| (f32::from(n) * hz * std::f32::consts::TAU / 8_000.0).sin();
        let samples: Vec<f32> = (0..8_000).map(|n| 0.1 * sine(n, 900.0) + hum * sine(n, 50.0)).collect();
        let (mut meter, mut spool) = (LoudnessMeter::new(spec), SpoolWriter::new(directory).unwrap());
        meter.push(&samples);
        spool.push(&samples).unwrap();
        Track { spec, spool: spool.finish().unwrap(), meter }
    }

    fn output(directory: &Path, format: OutputFormat) -> OutputSpec {
        OutputSpec {
            name: "tone".to_owned(),
            path: directory.join("tone"),
            format,
            rate_hz: SPEC.rate_hz,
            channels: ChannelLayout::Mono,
            span: Span::Full,
            as_recorded: false,
            through: None,
        }
    }

    #[test]
    fn a_file_of_another_length_level_or_rate_than_went_in_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let track = track(directory.path(), 0.0);
        let leveling = Leveling::of(&track, None, -1.5).unwrap();
        let passage = Passage { track: &track, leveling: &leveling, span: WHOLE, fades: Fades::default() };
        for format in [OutputFormat::Wav, OutputFormat::Ulaw] {
            let output = output(directory.path(), format);
            let written = write(&[&output], passage, &EncoderOptions::default()).unwrap();
            assert!(check(&output, passage, &written).unwrap().is_ok());
            for wrong in [7_999, 8_001] {
                let written = Written { frames: wrong, ..written };
                let difference = Difference::Length { decoded: 8_000, written: wrong };
                assert_eq!(check(&output, passage, &written).unwrap(), Err(difference));
            }
            let quieter = Leveling { gain: 0.5, ..leveling };
            let quieter = Passage { leveling: &quieter, ..passage };
            let half = Written { lufs: written.lufs.map(|lufs| lufs - 6.0), ..written };
            let difference = check(&output, quieter, &half).unwrap().unwrap_err();
            assert!(matches!(difference, Difference::Loudness { .. }), "{difference}");
        }
        let output = output(directory.path(), OutputFormat::Wav);
        let written = write(&[&output], passage, &EncoderOptions::default()).unwrap();
        let stereo = track_of(AudioSpec { channels: 2, ..SPEC }, directory.path(), 0.0);
        let shape = check(&output, Passage { track: &stereo, ..passage }, &written).unwrap();
        assert_eq!(shape, Err(Difference::Shape(SPEC)));
        let whole = std::fs::read(&output.path).unwrap();
        std::fs::write(&output.path, &whole[..whole.len() - 2]).unwrap();
        let cut = check(&output, passage, &written).unwrap();
        assert_eq!(cut, Err(Difference::Length { decoded: 7_999, written: 8_000 }));
    }

    #[test]
    fn k01_what_a_codec_leaves_out_below_a_voice_is_no_difference() {
        let directory = tempfile::tempdir().unwrap();
        let track = track(directory.path(), 0.5);
        let leveling = Leveling::of(&track, None, -1.5).unwrap();
        let passage = Passage { track: &track, leveling: &leveling, span: WHOLE, fades: Fades::default() };
        let output = output(directory.path(), OutputFormat::Opus);
        let made = render(&output, passage, &EncoderOptions::default()).unwrap().unwrap();
        assert!(made.loudness_lufs < track.meter.lufs().map(|lufs| lufs - 3.0), "{made:?} shows no loss");
    }

    #[test]
    fn k01_an_output_that_cannot_be_made_is_left_out_alone() {
        let directory = tempfile::tempdir().unwrap();
        let track = track(directory.path(), 0.0);
        let leveling = Leveling::of(&track, None, -1.5).unwrap();
        let passage = Passage { track: &track, leveling: &leveling, span: WHOLE, fades: Fades::default() };
        let good = OutputSpec { path: directory.path().join("good"), ..output(directory.path(), OutputFormat::Ulaw) };
        // A format of 16 kHz for a track of 8 kHz.
        let bad = output(directory.path(), OutputFormat::Sln16);
        let made = render_together(&[&good, &bad], passage, &EncoderOptions::default()).unwrap();
        assert!(made[0].is_ok() && good.path.exists());
        assert!(matches!(&made[1], Err(omitted) if omitted.reason.contains("16000 Hz")), "{made:?}");
        assert!(!bad.path.exists());
    }
}
