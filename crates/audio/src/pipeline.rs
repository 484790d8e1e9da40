//! One decode in, any number of renditions out: measured, leveled, cut, encoded side by side, and checked.

use std::path::Path;

use rayon::prelude::*;

use super::clip::{self, TimeSpan};
use super::denoise;
use super::format::{AudioError, AudioSpec};
use super::intake::{self, Heard, Intake, Track};
use super::rendition::{self, Fades, Leveling};
use super::spec::{OutputReport, OutputSpec, RenderReport, RenderSpec, Span};
use super::speech_activity::SPEECH_RATE_HZ;
use crate::PhoneReport;

/// Renditions written at the same time; more would compete with other jobs for the same cores.
const MAX_THREADS: usize = 4;
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
            return Err(AudioError::Unsupported(format!(
                "A phone line carries {PHONE_RATE_HZ} Hz, so \"{}\" can't be at {} Hz.",
                output.name, output.rate_hz
            )));
        }
        if output.span == Span::Brief && spec.brief_limit_seconds.is_none() {
            return Err(AudioError::Unsupported(format!(
                "\"{}\" is to be brief, but no length is given.",
                output.name
            )));
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
        let reports = rendition::render_together(&outputs, track, leveling, span, fades, &spec.encoder)?;
        outputs.iter().for_each(|output| progress(Progress::Written { name: &output.name }));
        Ok(group.outputs.into_iter().map(|(place, _)| place).zip(reports).collect::<Vec<_>>())
    };
    let mut outputs: Vec<_> = in_parallel(groups(&spec.outputs, &versions)?, write)?.into_iter().flatten().collect();
    outputs.sort_by_key(|(place, _)| *place);
    let outputs = outputs.into_iter().map(|(_, report)| report).collect();
    Ok(report(spec, &intake, &cut, &versions, outputs))
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
            .ok_or_else(|| AudioError::Unsupported(format!("Nothing was prepared for \"{}\".", output.name)))?;
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

/// A track as it is written: as it was recorded, or without its noise.
struct Version {
    track: Track,
    leveling: Leveling,
    as_recorded: bool,
    /// Before anything was done to it.
    loudness_in_lufs: Option<f64>,
}

/// What the outputs are written from; noise is reduced only in what is noisy, and only where an output wants it.
fn versions(tracks: Vec<Track>, spec: &RenderSpec, heard: Option<&Heard>) -> Result<Vec<Version>, AudioError> {
    let noisy = is_noisy(spec, heard);
    let wants = |track: &Track, as_recorded: bool| {
        let wanted =
            |output: &&OutputSpec| shape(output) == track.spec && (output.as_recorded || !noisy) == as_recorded;
        spec.outputs.iter().any(|output| wanted(&output))
    };
    let prepare = |track: Track| {
        let loudness_in_lufs = track.meter.lufs();
        let version = |track: Track, as_recorded: bool| {
            let leveling = Leveling::of(&track, spec.loudness_lufs, spec.ceiling_dbtp)?;
            Ok(Version { track, leveling, as_recorded, loudness_in_lufs })
        };
        let clean = if wants(&track, false) { Some(denoise::denoised(&track, spool_directory(spec))?) } else { None };
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

fn shape(output: &OutputSpec) -> AudioSpec {
    AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() }
}

fn report(
    spec: &RenderSpec,
    intake: &Intake,
    cut: &Cut,
    versions: &[Version],
    outputs: Vec<OutputReport>,
) -> RenderReport {
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
        noise_reduced: versions.iter().any(|version| !version.as_recorded),
    });
    let waveform = match (&intake.heard, spec.waveform_bins) {
        (Some(heard), Some(bins)) => {
            let frame = |seconds: f64| (seconds * f64::from(SPEECH_RATE_HZ)).round() as u64;
            heard.peaks.waveform(
                frame(cut.full.start_seconds)..frame(cut.full.end_seconds),
                bins,
                heard.peaks.highest(),
            )
        }
        _ => Vec::new(),
    };
    RenderReport {
        duration_seconds: cut.full.seconds(),
        loudness_in_lufs,
        gain_db: first.map_or(0.0, |version| version.leveling.gain_db()),
        outputs,
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
    spec.outputs
        .first()
        .and_then(|output| output.path.parent())
        .filter(|directory| !directory.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
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
        .map_err(|error| AudioError::Limit(format!("No threads to write the renditions with ({error}).")))?;
    pool.install(|| tasks.into_par_iter().map(work).collect())
}

#[cfg(test)]
mod tests;
