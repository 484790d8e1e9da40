//! The first pass: every source decoded once, brought to every wanted rate, measured and spooled.

use std::path::Path;

use super::band::BandMeter;
use super::channels;
use super::clip::{self, TimeSpan};
use super::decode::{self, Wanted};
use super::format::{AudioBlock, AudioError, AudioSource, AudioSpec, Fault};
use super::high_pass::HighPass;
use super::loudness::LoudnessMeter;
use super::noise::NoiseMeter;
use super::peaks::Peaks;
use super::phase::{Inverter, PhaseMeter, PhasePlan};
use super::resample::{Length, Resampler};
use super::spec::{RenderSpec, Role, SourceReport, SourceSpec};
use super::speech_activity::{SPEECH_RATE_HZ, SpeechDetector, SpeechSegment};
use super::spool::{Spool, SpoolWriter};
use super::true_peak;

/// Renditions up to this rate are for phones, and get the high-pass.
pub(crate) const PHONE_MAX_RATE_HZ: u32 = 16_000;

/// What the first pass leaves behind.
pub(crate) struct Intake {
    pub(crate) sources: Vec<SourceReport>,
    pub(crate) tracks: Vec<Track>,
    pub(crate) duration_seconds: f64,
    pub(crate) skew_seconds: Option<f64>,
    /// There if a brief, a waveform or trimming is asked for.
    pub(crate) heard: Option<Heard>,
    /// Share of the energy above a narrowband phone's band, if a report is asked for; nothing for silence.
    pub(crate) band_lost: Option<f64>,
}

/// The audio at one rate and channel count, ready to be written.
pub(crate) struct Track {
    pub(crate) spec: AudioSpec,
    pub(crate) spool: Spool,
    pub(crate) meter: LoudnessMeter,
}

/// What was found by listening, an offset and hum taken out.
pub(crate) struct Heard {
    pub(crate) speech: Vec<SpeechSegment>,
    pub(crate) peaks: Peaks,
    /// Peaks of what a phone can play, by which silence is told.
    audible: Peaks,
    /// Share of the energy that lies below a voice, 0 to 1; nothing where that was not asked for, or there is none.
    pub(crate) low_end: Option<f64>,
    /// How far speech stands above the noise; nothing where that was not asked for, or cannot be said.
    pub(crate) snr_db: Option<f64>,
}

impl Heard {
    pub(crate) fn without_silence(&self, whole: TimeSpan) -> TimeSpan {
        clip::without_silence(&self.speech, &self.audible, self.peaks.highest(), whole)
    }

    pub(crate) fn speech_seconds(&self) -> f64 {
        self.speech.iter().map(|segment| segment.end_seconds - segment.start_seconds).sum()
    }
}

/// Decodes the sources of `spec`, spooling into `directory`; `progress` is told the seconds decoded.
///
/// Channels that cancel each other only show when all is decoded; then it is done again with one of them inverted.
pub(crate) fn run(spec: &RenderSpec, directory: &Path, progress: &dyn Fn(f64)) -> Result<Intake, AudioError> {
    let mut downmix = Downmix { by_decoder: true, plans: Vec::new() };
    loop {
        let (intake, better) = pass(spec, directory, progress, &downmix)?;
        match better {
            Some(better) => downmix = better,
            None => return Ok(intake),
        }
    }
}

/// How two channels become one.
struct Downmix {
    /// A decoder may add them, as long as they are not found to cancel each other.
    by_decoder: bool,
    /// For each leg that needs one; empty before they are known.
    plans: Vec<Option<PhasePlan>>,
}

/// Decodes once; and the better way to mix, if this one was found wanting.
fn pass(
    spec: &RenderSpec,
    directory: &Path,
    progress: &dyn Fn(f64),
    downmix: &Downmix,
) -> Result<(Intake, Option<Downmix>), AudioError> {
    let minding_noise = spec.reduce_noise || spec.phone_report;
    let listening =
        minding_noise || spec.trim_silence || spec.waveform_bins.is_some() || spec.brief_limit_seconds.is_some();
    let wanted = wanted(spec, listening);
    let mut legs = open_legs(spec, Wanted { mono: wanted.mono && downmix.by_decoder, ..wanted })?;
    let leg_specs: Vec<AudioSpec> = legs.iter().map(|leg| leg.source.spec()).collect();
    let mut tracks = Vec::<TrackWriter>::new();
    for output in &spec.outputs {
        let wanted = AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() };
        if tracks.iter().all(|track| track.mixer.spec != wanted) {
            tracks.push(TrackWriter::new(wanted, &leg_specs, spec.high_pass_hz, directory)?);
        }
    }
    let high_pass_hz = spec.high_pass_hz.filter(|_| spec.loudness_lufs.is_some());
    let mut listener = listening.then(|| Listener::new(&leg_specs, minding_noise, high_pass_hz)).transpose()?;
    let to_mono = listening || tracks.iter().any(TrackWriter::is_mono);
    let is_planned = !downmix.plans.is_empty();
    let meter = |leg: &AudioSpec| if to_mono && !is_planned { PhaseMeter::new(*leg) } else { None };
    let mut phases: Vec<Option<PhaseMeter>> = leg_specs.iter().map(meter).collect();
    let plan_of = |index: usize| downmix.plans.get(index).and_then(Option::as_ref);
    let mut inverters: Vec<Option<Inverter<'_>>> =
        leg_specs.iter().enumerate().map(|(index, leg)| plan_of(index).map(|plan| plan.inverter(*leg))).collect();
    let mut bands: Vec<BandMeter> =
        leg_specs.iter().filter(|_| spec.phone_report).map(|leg| BandMeter::new(*leg)).collect();

    let (mut block, mut corrected) = (AudioBlock::default(), Vec::new());
    // The leg that is behind goes next, so that the mixers never hold much of the other.
    while let Some(index) = furthest_behind(&legs) {
        let leg = &mut legs[index];
        let more = leg.source.next_block(&mut block)?;
        leg.note(&block, !more);
        if leg.seconds() > spec.max_duration_seconds {
            return Err(AudioError::Limit(Fault::TooLong { minutes: spec.max_duration_seconds / 60.0 }));
        }
        if leg.seconds() > leg.longest_seconds {
            return Err(AudioError::Limit(Fault::OutOfProportion {
                bytes: leg.bytes,
                minutes: leg.longest_seconds / 60.0,
            }));
        }
        progress(leg.seconds());
        if let Some(band) = bands.get_mut(index) {
            band.push(&block.samples);
        }
        let end = (!more).then(|| leg.length());
        if let Some(phase) = &mut phases[index] {
            phase.push(&block.samples);
        }
        let for_mono = match &mut inverters[index] {
            Some(inverter) => {
                corrected.clone_from(&block.samples);
                inverter.process(&mut corrected);
                &corrected
            }
            None => &block.samples,
        };
        for track in &mut tracks {
            track.push(index, if track.is_mono() { for_mono } else { &block.samples }, end)?;
        }
        if let Some(listener) = &mut listener {
            listener.push(index, for_mono, end)?;
        }
    }

    let duration_seconds = legs.iter().map(Leg::seconds).fold(0.0, f64::max);
    if duration_seconds == 0.0 {
        return Err(AudioError::Empty(Fault::NoSamples {}));
    }
    let skew_seconds = match &legs[..] {
        [caller, callee] => Some(callee.seconds() - caller.seconds()),
        _ => None,
    };
    let plans: Vec<Option<PhasePlan>> = phases.into_iter().map(|phase| phase.and_then(PhaseMeter::finish)).collect();
    let better = if downmix.by_decoder && legs.iter().any(|leg| leg.source.mono_cancels()) {
        Some(Downmix { by_decoder: false, plans: Vec::new() })
    } else {
        let is_better = plans.iter().any(Option::is_some);
        is_better.then_some(Downmix { by_decoder: false, plans })
    };
    for (index, leg) in legs.iter_mut().enumerate() {
        leg.opposite_phase = plan_of(index).is_some();
    }
    legs.sort_by_key(|leg| leg.place);
    let intake = Intake {
        sources: legs.iter().map(Leg::report).collect(),
        tracks: tracks.into_iter().map(TrackWriter::finish).collect::<Result<_, _>>()?,
        duration_seconds,
        skew_seconds,
        heard: listener.map(Listener::finish),
        band_lost: band_lost(bands),
    };
    Ok((intake, better))
}

/// What the sources are decoded for.
///
/// A report looks at all of a file: whether its peaks are cut off, and how much of it a phone leaves out. Without one, nothing
/// is decoded that no output would hold.
fn wanted(spec: &RenderSpec, listening: bool) -> Wanted {
    if spec.phone_report {
        return Wanted::ALL;
    }
    let listened_hz = if listening { SPEECH_RATE_HZ } else { 0 };
    let rate_hz = spec.outputs.iter().map(|output| output.rate_hz).fold(listened_hz, u32::max);
    // Without any output the file is measured, all of it.
    let rate_hz = if spec.outputs.is_empty() { u32::MAX } else { rate_hz };
    let mono = spec.sources.len() > 1 || spec.outputs.iter().all(|output| output.channels.count() == 1);
    Wanted { rate_hz, mono: mono && !spec.outputs.is_empty() }
}

fn band_lost(bands: Vec<BandMeter>) -> Option<f64> {
    let sums = bands.into_iter().map(BandMeter::finish);
    let (below, above) = sums.fold((0.0, 0.0), |sum, leg| (sum.0 + leg.0, sum.1 + leg.1));
    (below + above > 0.0).then(|| above / (below + above))
}

/// The sparsest sound there is: silence in Opus, 20 ms a packet, takes three times as much. What claims to hold more than so
/// many seconds for each byte, and more than the first few minutes, was made to fill a disk.
const SECONDS_PER_BYTE: f64 = 1.0 / 50.0;
const ALWAYS_SECONDS: f64 = 300.0;

/// A source being read.
struct Leg {
    container: &'static str,
    codec: String,
    source: Box<dyn AudioSource>,
    role: Role,
    /// Its place among the sources given.
    place: usize,
    /// The size of its file, and how long it can be at most for that.
    bytes: u64,
    longest_seconds: f64,
    /// Frames of its blocks so far.
    frames: u64,
    ended: bool,
    /// Its channels cancelled each other where they were added.
    opposite_phase: bool,
    /// Consecutive frames at full scale, and how often there were enough of them.
    flat_frames: u32,
    clipped_peaks: u64,
}

/// Samples from here up are at full scale; this many frames of them in a row are a peak that was cut off.
const FULL_SCALE: f32 = 0.9995;
const CLIPPED_FRAMES: u32 = 4;

impl Leg {
    fn note(&mut self, block: &AudioBlock, ended: bool) {
        let channels = usize::from(self.source.spec().channels);
        self.frames += (block.samples.len() / channels) as u64;
        self.ended = ended;
        if true_peak::highest(&block.samples) < FULL_SCALE {
            self.flat_frames = 0;
            return;
        }
        for frame in block.samples.chunks_exact(channels) {
            let flat = frame.iter().any(|sample| sample.abs() >= FULL_SCALE);
            self.flat_frames = if flat { self.flat_frames + 1 } else { 0 };
            self.clipped_peaks += u64::from(self.flat_frames == CLIPPED_FRAMES);
        }
    }

    /// So far, in frames of the file.
    fn length(&self) -> Length {
        Length { frames: self.source.original_frames(self.frames), rate_hz: self.source.original_spec().rate_hz }
    }

    fn seconds(&self) -> f64 {
        self.length().seconds()
    }

    /// True if the blocks are all that the file has.
    fn is_all(&self) -> bool {
        self.source.spec() == self.source.original_spec()
    }

    fn report(&self) -> SourceReport {
        let AudioSpec { rate_hz, channels } = self.source.original_spec();
        SourceReport {
            container: self.container.to_owned(),
            codec: self.codec.clone(),
            rate_hz,
            channels,
            duration_seconds: self.seconds(),
            truncated: self.source.is_truncated(),
            clipped_peaks: self.is_all().then_some(self.clipped_peaks),
            opposite_phase: self.opposite_phase,
        }
    }
}

/// The sources, a caller's leg before a callee's.
fn open_legs(spec: &RenderSpec, wanted: Wanted) -> Result<Vec<Leg>, AudioError> {
    if !(1..=2).contains(&spec.sources.len()) {
        return Err(AudioError::Unsupported(Fault::SourceCount { count: spec.sources.len() }));
    }
    let open = |(place, source): (usize, &SourceSpec)| {
        let hint = source.hint.as_deref().or_else(|| source.path.extension().and_then(|extension| extension.to_str()));
        let decode::Opened { container, codec, source: audio } = decode::open_for(&source.path, hint, wanted)?;
        let bytes = std::fs::metadata(&source.path).map_err(AudioError::io("Reading the file's size failed"))?.len();
        let role = source.role.unwrap_or(if place == 0 { Role::Caller } else { Role::Callee });
        Ok(Leg {
            container,
            codec,
            source: audio,
            role,
            place,
            bytes,
            longest_seconds: ALWAYS_SECONDS + bytes as f64 * SECONDS_PER_BYTE,
            frames: 0,
            ended: false,
            opposite_phase: false,
            flat_frames: 0,
            clipped_peaks: 0,
        })
    };
    let mut legs: Vec<Leg> = spec.sources.iter().enumerate().map(open).collect::<Result<_, _>>()?;
    legs.sort_by_key(|leg| leg.role);
    match &legs[..] {
        [a, b] if a.role == b.role => Err(AudioError::Unsupported(Fault::SameRoles {})),
        _ => Ok(legs),
    }
}

fn furthest_behind(legs: &[Leg]) -> Option<usize> {
    let reading = legs.iter().enumerate().filter(|(_, leg)| !leg.ended);
    reading.min_by(|(_, a), (_, b)| a.seconds().total_cmp(&b.seconds())).map(|(index, _)| index)
}

/// Brings all legs to one rate and puts them together.
struct Mixer {
    spec: AudioSpec,
    inputs: Vec<MixerInput>,
    mapped: Vec<f32>,
    mixed: Vec<f32>,
}

struct MixerInput {
    from: AudioSpec,
    /// Channels that this input has in the mix.
    channels: u16,
    resampler: Resampler,
    queue: Vec<f32>,
    ended: bool,
}

impl Mixer {
    fn new(spec: AudioSpec, legs: &[AudioSpec]) -> Result<Self, AudioError> {
        // Each leg of a call is one voice; a single source keeps its own image.
        let channels = if legs.len() > 1 { 1 } else { spec.channels };
        let inputs = legs
            .iter()
            .map(|from| {
                let mapped = AudioSpec { rate_hz: from.rate_hz, channels };
                let resampler = Resampler::new(mapped, spec.rate_hz)?;
                Ok(MixerInput { from: *from, channels, resampler, queue: Vec::new(), ended: false })
            })
            .collect::<Result<_, AudioError>>()?;
        Ok(Self { spec, inputs, mapped: Vec::new(), mixed: Vec::new() })
    }

    /// Takes a block of one leg, and the leg's length with the last; the mix as far as all legs have come. A leg that has ended
    /// is silent from there.
    fn push(&mut self, index: usize, samples: &[f32], end: Option<Length>) -> Result<&mut [f32], AudioError> {
        let input = &mut self.inputs[index];
        self.mapped.clear();
        channels::map(samples, input.from.channels, input.channels, &mut self.mapped);
        input.resampler.push(&self.mapped, &mut input.queue)?;
        if let Some(length) = end {
            input.resampler.finish_at(length, &mut input.queue)?;
            input.ended = true;
        }
        self.mixed.clear();
        match &mut self.inputs[..] {
            [only] => std::mem::swap(&mut self.mixed, &mut only.queue),
            legs => {
                let reading = legs.iter().filter(|leg| !leg.ended).map(|leg| leg.queue.len()).min();
                let frames = reading.unwrap_or_else(|| legs.iter().map(|leg| leg.queue.len()).max().unwrap_or(0));
                let sample = |leg: &MixerInput, frame: usize| leg.queue.get(frame).copied().unwrap_or(0.0);
                for frame in 0..frames {
                    let (left, right) = (sample(&legs[0], frame), sample(&legs[1], frame));
                    match self.spec.channels {
                        1 => self.mixed.push(0.5 * (left + right)),
                        _ => self.mixed.extend([left, right]),
                    }
                }
                for leg in legs {
                    leg.queue.drain(..frames.min(leg.queue.len()));
                }
            }
        }
        Ok(&mut self.mixed)
    }
}

/// A [`Track`] being made.
struct TrackWriter {
    mixer: Mixer,
    high_pass: Option<HighPass>,
    meter: LoudnessMeter,
    spool: SpoolWriter,
}

impl TrackWriter {
    fn new(
        spec: AudioSpec,
        legs: &[AudioSpec],
        high_pass_hz: Option<f64>,
        directory: &Path,
    ) -> Result<Self, AudioError> {
        Ok(Self {
            mixer: Mixer::new(spec, legs)?,
            high_pass: high_pass_hz.filter(|_| spec.rate_hz <= PHONE_MAX_RATE_HZ).map(|hz| HighPass::new(spec, hz)),
            meter: LoudnessMeter::new(spec),
            spool: SpoolWriter::new(directory)?,
        })
    }

    /// True if the channels of each leg are added.
    fn is_mono(&self) -> bool {
        self.mixer.inputs.iter().all(|input| input.channels == 1)
    }

    fn push(&mut self, leg: usize, samples: &[f32], end: Option<Length>) -> Result<(), AudioError> {
        let mixed = self.mixer.push(leg, samples, end)?;
        if let Some(high_pass) = &mut self.high_pass {
            high_pass.process(mixed);
        }
        self.meter.push(mixed);
        self.spool.push(mixed)
    }

    fn finish(self) -> Result<Track, AudioError> {
        Ok(Track { spec: self.mixer.spec, spool: self.spool.finish()?, meter: self.meter })
    }
}

/// Below this, nothing is of a voice: an offset, rumble and the hum of the mains, in Hz.
const VOICE_FROM_HZ: f64 = 90.0;
/// Below this, a phone plays nothing, and hum has its strongest harmonics, in Hz.
const PHONE_FROM_HZ: f64 = 200.0;

/// Listens for speech and draws the waveform.
struct Listener {
    mixer: Mixer,
    /// Speech and silence are looked for in what a voice can hold; else an offset would hide the one and hum the other.
    voice: HighPass,
    phone: HighPass,
    detector: SpeechDetector,
    peaks: Peaks,
    audible: Peaks,
    noise: Option<NoiseMeter>,
    low_end: Option<LowEnd>,
}

impl Listener {
    /// The low end is weighed as it comes out of a high-pass, if there is one.
    fn new(legs: &[AudioSpec], minding_noise: bool, high_pass_hz: Option<f64>) -> Result<Self, AudioError> {
        let spec = AudioSpec::mono(SPEECH_RATE_HZ);
        let mixer = Mixer::new(spec, legs)?;
        let noise = minding_noise.then(NoiseMeter::default);
        Ok(Self {
            mixer,
            voice: HighPass::of_order(spec, VOICE_FROM_HZ, 4),
            phone: HighPass::of_order(spec, PHONE_FROM_HZ, 4),
            detector: SpeechDetector::default(),
            peaks: Peaks::default(),
            audible: Peaks::default(),
            noise,
            low_end: high_pass_hz.map(|hz| LowEnd::new(spec, hz)),
        })
    }

    fn push(&mut self, leg: usize, samples: &[f32], end: Option<Length>) -> Result<(), AudioError> {
        let mixed = self.mixer.push(leg, samples, end)?;
        if let Some(low_end) = &mut self.low_end {
            low_end.push(mixed);
        }
        self.voice.process(mixed);
        self.detector.push(mixed);
        self.peaks.push(mixed);
        if let Some(noise) = &mut self.noise {
            noise.push(mixed);
        }
        self.phone.process(mixed);
        self.audible.push(mixed);
        Ok(())
    }

    fn finish(self) -> Heard {
        let low_end = self.low_end.and_then(LowEnd::finish);
        let (speech, peaks, audible) = (self.detector.finish(), self.peaks, self.audible);
        let mut heard = Heard { speech, peaks, audible, low_end, snr_db: None };
        heard.snr_db = self.noise.and_then(|noise| noise.snr_db(heard.speech_seconds()));
        heard
    }
}

/// Weighs what is left below a voice behind the usual high-pass against all of it.
///
/// By energy and not by loudness, whose gates leave out the pauses of a voice unless hum fills them.
struct LowEnd {
    usual: HighPass,
    steep: HighPass,
    all: f64,
    above: f64,
    filtered: Vec<f32>,
}

impl LowEnd {
    fn new(spec: AudioSpec, high_pass_hz: f64) -> Self {
        Self {
            usual: HighPass::new(spec, high_pass_hz),
            steep: HighPass::steep(spec, VOICE_FROM_HZ),
            all: 0.0,
            above: 0.0,
            filtered: Vec::new(),
        }
    }

    fn push(&mut self, samples: &[f32]) {
        let energy = |samples: &[f32]| samples.iter().map(|sample| f64::from(*sample).powi(2)).sum::<f64>();
        self.filtered.clear();
        self.filtered.extend_from_slice(samples);
        self.usual.process(&mut self.filtered);
        self.all += energy(&self.filtered);
        self.steep.process(&mut self.filtered);
        self.above += energy(&self.filtered);
    }

    fn finish(self) -> Option<f64> {
        (self.all > 0.0).then(|| (1.0 - self.above / self.all).max(0.0))
    }
}

/// The same track without what lies below a voice: same place, same length.
pub(crate) fn without_low_end(track: &Track, directory: &Path) -> Result<Track, AudioError> {
    const BLOCK_FRAMES: usize = 16_384;
    let spec = track.spec;
    let mut steep = HighPass::steep(spec, VOICE_FROM_HZ);
    let (mut meter, mut spool) = (LoudnessMeter::new(spec), SpoolWriter::new(directory)?);
    let (mut at, mut samples) = (0, Vec::new());
    loop {
        track.spool.read(at, BLOCK_FRAMES * usize::from(spec.channels), &mut samples)?;
        if samples.is_empty() {
            return Ok(Track { spec, spool: spool.finish()?, meter });
        }
        at += samples.len() as u64;
        steep.process(&mut samples);
        meter.push(&samples);
        spool.push(&samples)?;
    }
}
