//! One decode in, any number of renditions out: measured, leveled, cut, encoded side by side, and checked.

use std::path::Path;

use rayon::prelude::*;

use super::clip::{self, TimeSpan};
use super::denoise;
use super::format::{AudioError, AudioSpec, Fault};
use super::intake::{self, Heard, Intake, Track};
use super::rendition::{self, Fades, Leveling, Passage};
use super::spec::{OmittedOutput, OutputReport, OutputSpec, RenderReport, RenderSpec, Span};
use super::speech_activity::SPEECH_RATE_HZ;
use crate::PhoneReport;

/// Renditions written at the same time; more would compete with other jobs for the same cores.
const MAX_THREADS: usize = 4;
/// A waveform of less than -40 dBFS is drawn as low as it is, so that mere noise does not look like speech. Linear.
const QUIETEST_WAVEFORM: f32 = 0.01;
/// Clicks at a cut through room noise are faded away in this time; a brief ends more gently.
const CUT_FADE_SECONDS: f64 = 0.005;
const BRIEF_FADE_OUT_SECONDS: f64 = 0.06;

/// The rate of a narrowband phone line.
const PHONE_RATE_HZ: u32 = 8_000;

/// How far a rendering has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress<'a> {
    /// So many seconds of the source are decoded.
    Decoded {
        /// Seconds from the start.
        seconds: f64,
    },
    /// An output is written and checked.
    Written {
        /// Its name.
        name: &'a str,
    },
}

/// Does all that `spec` says, on the calling thread and a few of its own.
///
/// # Errors
/// Sentences fit for the person who sent the file. No output remains after an error.
pub fn render(spec: &RenderSpec) -> Result<RenderReport, AudioError> {
    render_with(spec, &|_| {})
}

/// [`render`], telling `progress` how far it has come, from any thread.
///
/// # Errors
/// As [`render`].
pub fn render_with(spec: &RenderSpec, progress: &(dyn Fn(Progress<'_>) + Sync)) -> Result<RenderReport, AudioError> {
    for output in &spec.outputs {
        output.format.accept(shape(output))?;
        if output.through.is_some() && output.rate_hz != PHONE_RATE_HZ {
            return Err(AudioError::Unsupported(Fault::LineRate {
                line_hz: PHONE_RATE_HZ,
                name: output.name.clone(),
                rate_hz: output.rate_hz,
            }));
        }
        if output.span == Span::Brief && spec.brief_limit_seconds.is_none() {
            return Err(AudioError::Unsupported(Fault::NoBriefLimit { name: output.name.clone() }));
        }
    }
    let mut intake = intake::run(spec, spool_directory(spec), &|seconds| {
        progress(Progress::Decoded { seconds });
    })?;
    let cut = Cut::of(&intake, spec);
    let versions = versions(std::mem::take(&mut intake.tracks), spec, intake.heard.as_ref())?;
    let write = |group: Group<'_>| {
        let (span, fades) = cut.for_output(group.span);
        let Version { track, leveling, .. } = group.version;
        let outputs: Vec<&OutputSpec> = group.outputs.iter().map(|(_, output)| *output).collect();
        let passage = Passage { track, leveling, span, fades };
        let made = rendition::render_together(&outputs, passage, &spec.encoder)?;
        made.iter().flatten().for_each(|output| progress(Progress::Written { name: &output.name }));
        Ok(group.outputs.into_iter().map(|(place, _)| place).zip(made).collect::<Vec<_>>())
    };
    let mut results: Vec<_> = in_parallel(groups(&spec.outputs, &versions)?, write)?.into_iter().flatten().collect();
    results.sort_by_key(|(place, _)| *place);
    let (mut outputs, mut omitted) = (Vec::new(), Vec::new());
    for (_, result) in results {
        match result {
            Ok(output) => outputs.push(output),
            Err(output) => omitted.push(output),
        }
    }
    Ok(report(spec, &intake, &cut, &versions, outputs, omitted))
}

/// Outputs that are written together, each with its place among all.
struct Group<'a> {
    version: &'a Version,
    span: Span,
    outputs: Vec<(usize, &'a OutputSpec)>,
}

/// Puts outputs together that hold the same samples, unless their codec may want them at another level.
fn groups<'a>(outputs: &'a [OutputSpec], versions: &'a [Version]) -> Result<Vec<Group<'a>>, AudioError> {
    let mut groups = Vec::<Group<'a>>::new();
    for (place, output) in outputs.iter().enumerate() {
        let version = version_for(versions, output)
            .ok_or_else(|| AudioError::Unsupported(Fault::NothingPrepared { name: output.name.clone() }))?;
        let takes_any_company = |output: &OutputSpec| rendition::takes_any_company(output.format);
        let fits = |group: &&mut Group<'a>| {
            std::ptr::eq(group.version, version)
                && group.span == output.span
                && group.outputs.iter().all(|(_, other)| takes_any_company(other) && other.through == output.through)
        };
        match groups.iter_mut().find(fits).filter(|_| takes_any_company(output)) {
            Some(group) => group.outputs.push((place, output)),
            None => groups.push(Group { version, span: output.span, outputs: vec![(place, output)] }),
        }
    }
    Ok(groups)
}

/// A track as it is written: as it was recorded, or without its noise and hum.
struct Version {
    track: Track,
    leveling: Leveling,
    as_recorded: bool,
    /// Before anything was done to it.
    loudness_in_lufs: Option<f64>,
}

/// What the outputs are written from; noise is reduced only in what is noisy, hum taken out only where it disturbs, and both
/// only where an output wants it.
fn versions(tracks: Vec<Track>, spec: &RenderSpec, heard: Option<&Heard>) -> Result<Vec<Version>, AudioError> {
    let (noisy, humming) = (is_noisy(spec, heard), has_low_end(spec, heard));
    let wants = |track: &Track, as_recorded: bool| {
        let cleaned = noisy || (humming && is_for_phones(track));
        let wanted =
            |output: &&OutputSpec| shape(output) == track.spec && (output.as_recorded || !cleaned) == as_recorded;
        spec.outputs.iter().any(|output| wanted(&output))
    };
    let prepare = |track: Track| {
        let loudness_in_lufs = track.meter.lufs();
        let version = |track: Track, as_recorded: bool| {
            let leveling = Leveling::of(&track, spec.loudness_lufs, spec.ceiling_dbtp)?;
            Ok(Version { track, leveling, as_recorded, loudness_in_lufs })
        };
        let clean = if wants(&track, false) {
            let directory = spool_directory(spec);
            let low_end_gone = (humming && is_for_phones(&track)).then(|| intake::without_low_end(&track, directory));
            match low_end_gone.transpose()? {
                Some(clean) if !noisy => Some(clean),
                clean => Some(denoise::denoised(clean.as_ref().unwrap_or(&track), directory)?),
            }
        } else {
            None
        };
        let mut versions = Vec::with_capacity(2);
        if let Some(clean) = clean {
            versions.push(version(clean, false)?);
        }
        if wants(&track, true) {
            versions.push(version(track, true)?);
        }
        Ok(versions)
    };
    Ok(in_parallel(tracks, prepare)?.into_iter().flatten().collect())
}

/// The version that an output is written from: its own kind where noise was reduced, else the only one there is.
fn version_for<'a>(versions: &'a [Version], output: &OutputSpec) -> Option<&'a Version> {
    let mut fitting = versions.iter().filter(|version| version.track.spec == shape(output));
    let first = fitting.next()?;
    if first.as_recorded == output.as_recorded { Some(first) } else { fitting.next().or(Some(first)) }
}

fn is_noisy(spec: &RenderSpec, heard: Option<&Heard>) -> bool {
    spec.reduce_noise && heard.and_then(|heard| heard.snr_db).is_some_and(|snr_db| snr_db < denoise::BELOW_SNR_DB)
}

/// More of the energy than this below a voice would leave the voice too soft: about half a decibel.
const DISTURBING_LOW_END: f64 = 0.1;

/// True if hum, rumble or bass takes loudness away from a voice that no phone would play of it.
fn has_low_end(spec: &RenderSpec, heard: Option<&Heard>) -> bool {
    let disturbs = |heard: &Heard| heard.low_end.is_some_and(|share| share > DISTURBING_LOW_END);
    spec.high_pass_hz.is_some() && heard.is_some_and(|heard| disturbs(heard) && heard.speech_seconds() > 0.0)
}

fn is_for_phones(track: &Track) -> bool {
    track.spec.rate_hz <= intake::PHONE_MAX_RATE_HZ
}

fn shape(output: &OutputSpec) -> AudioSpec {
    AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() }
}

fn report(
    spec: &RenderSpec,
    intake: &Intake,
    cut: &Cut,
    versions: &[Version],
    outputs: Vec<OutputReport>,
    omitted: Vec<OmittedOutput>,
) -> RenderReport {
    let heard = intake.heard.as_ref();
    let first = spec.outputs.first().and_then(|output| version_for(versions, output));
    let loudness_in_lufs = first.and_then(|version| version.loudness_in_lufs);
    let trimmed_seconds = intake.duration_seconds - cut.full.seconds();
    let truncated = intake.sources.iter().any(|source| source.truncated);
    let phone = spec.phone_report.then(|| PhoneReport {
        loudness_in_lufs,
        loudness_out_lufs: outputs.first().and_then(|output| output.loudness_lufs),
        clipped_peaks: intake.sources.iter().filter_map(|source| source.clipped_peaks).sum(),
        band_lost: intake.band_lost,
        trimmed_seconds,
        truncated,
        snr_db: intake.heard.as_ref().and_then(|heard| heard.snr_db),
        noise_reduced: is_noisy(spec, heard) && versions.iter().any(|version| !version.as_recorded),
        hum_removed: has_low_end(spec, heard) && versions.iter().any(|version| !version.as_recorded),
        opposite_phase: intake.sources.iter().any(|source| source.opposite_phase),
    });
    let waveform = match (&intake.heard, spec.waveform_bins) {
        (Some(heard), Some(bins)) => {
            let frame = |seconds: f64| (seconds * f64::from(SPEECH_RATE_HZ)).round() as u64;
            heard.peaks.waveform(
                frame(cut.full.start_seconds)..frame(cut.full.end_seconds),
                bins,
                heard.peaks.highest().max(QUIETEST_WAVEFORM),
            )
        }
        _ => Vec::new(),
    };
    RenderReport {
        duration_seconds: cut.full.seconds(),
        loudness_in_lufs,
        gain_db: first.map_or(0.0, |version| version.leveling.gain_db()),
        outputs,
        omitted,
        brief: cut.brief,
        waveform,
        skew_seconds: intake.skew_seconds,
        skew_ppm: intake.skew_seconds.map(|skew| {
            let shorter = intake.sources.iter().map(|source| source.duration_seconds).fold(f64::INFINITY, f64::min);
            skew / shorter.max(f64::MIN_POSITIVE) * 1e6
        }),
        trimmed_seconds,
        truncated,
        phone,
        clipped: intake
            .sources
            .iter()
            .map(|source| Some(source.clipped_peaks? > 0))
            .try_fold(false, |any, one| Some(any | one?)),
        speech_seconds: intake.heard.as_ref().map(Heard::speech_seconds),
        sources: intake.sources.clone(),
        confinement: None,
    }
}

/// Which parts of the source the outputs hold.
struct Cut {
    whole: TimeSpan,
    full: TimeSpan,
    brief: Option<TimeSpan>,
}

impl Cut {
    fn of(intake: &Intake, spec: &RenderSpec) -> Self {
        let whole = TimeSpan { start_seconds: 0.0, end_seconds: intake.duration_seconds };
        let heard = intake.heard.as_ref();
        let full = heard.filter(|_| spec.trim_silence).map_or(whole, |heard| heard.without_silence(whole));
        let brief = heard.zip(spec.brief_limit_seconds).map(|(heard, limit)| clip::brief(&heard.speech, full, limit));
        Self { whole, full, brief }
    }

    fn for_output(&self, span: Span) -> (TimeSpan, Fades) {
        let (part, end_fade) = match (span, self.brief) {
            (Span::Brief, Some(brief)) => (brief, BRIEF_FADE_OUT_SECONDS),
            _ => (self.full, CUT_FADE_SECONDS),
        };
        // Only what was cut is faded: audio that is whole leaves as it came.
        let fades = Fades {
            in_seconds: if part.start_seconds > self.whole.start_seconds { CUT_FADE_SECONDS } else { 0.0 },
            out_seconds: if part.end_seconds < self.whole.end_seconds { end_fade } else { 0.0 },
        };
        (part, fades)
    }
}

/// The working copy lies beside the first output, on a disk that is known to have room for audio.
fn spool_directory(spec: &RenderSpec) -> &Path {
    spec.outputs.first().map_or(Path::new("."), |output| folder_of(&output.path))
}

/// The folder that a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Does `work` for each of `tasks`, with a few threads of its own where there are several.
fn in_parallel<T: Send, R: Send>(
    tasks: Vec<T>,
    work: impl Fn(T) -> Result<R, AudioError> + Send + Sync,
) -> Result<Vec<R>, AudioError> {
    if tasks.len() <= 1 {
        return tasks.into_iter().map(work).collect();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(tasks.len().min(MAX_THREADS).min(cores))
        .stack_size(1024 * 1024)
        .build()
        .map_err(|error| AudioError::Limit(Fault::NoThreads { reason: error.to_string() }))?;
    pool.install(|| tasks.into_par_iter().map(work).collect())
}

#[cfg(test)]
mod tests;
