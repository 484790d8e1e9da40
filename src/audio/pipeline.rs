//! One decode in, any number of renditions out: measured, leveled, cut, encoded side by side, and checked.

use std::path::Path;

use rayon::prelude::*;

use super::clip::{self, TimeSpan};
use super::format::{AudioError, AudioSpec};
use super::intake::{self, Intake, Track};
use super::rendition::{self, Fades, Leveling};
use super::spec::{OutputReport, OutputSpec, RenderReport, RenderSpec, Span};
use super::speech_activity::SPEECH_RATE_HZ;

/// Renditions written at the same time; more would compete with other jobs for the same cores.
const MAX_THREADS: usize = 4;
/// Clicks at a cut through room noise are faded away in this time; a brief ends more gently.
const CUT_FADE_SECONDS: f64 = 0.005;
const BRIEF_FADE_OUT_SECONDS: f64 = 0.06;

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
        output.format.accept(AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() })?;
        if output.span == Span::Brief && spec.brief_limit_seconds.is_none() {
            return Err(AudioError::Unsupported(format!(
                "\"{}\" is to be brief, but no length is given.",
                output.name
            )));
        }
    }
    let intake = intake::run(spec, spool_directory(spec), &|seconds| {
        progress(Progress::Decoded { seconds });
    })?;
    let cut = Cut::of(&intake, spec);
    let levelings: Vec<Leveling> = in_parallel(intake.tracks.len(), || {
        let level = |track: &Track| Leveling::of(track, spec.loudness_lufs, spec.ceiling_dbtp);
        intake.tracks.par_iter().map(level).collect::<Result<_, _>>()
    })?;
    let write = |output: &OutputSpec| {
        let wanted = AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() };
        let (track, leveling) = intake
            .tracks
            .iter()
            .zip(&levelings)
            .find(|(track, _)| track.spec == wanted)
            .ok_or_else(|| AudioError::Unsupported(format!("Nothing was prepared for \"{}\".", output.name)))?;
        let (span, fades) = cut.for_output(output.span);
        let report = rendition::render(output, track, leveling, span, fades, &spec.encoder)?;
        progress(Progress::Written { name: &output.name });
        Ok(report)
    };
    let outputs: Vec<OutputReport> =
        in_parallel(spec.outputs.len(), || spec.outputs.par_iter().map(write).collect::<Result<_, _>>())?;
    Ok(report(spec, &intake, &cut, &levelings, outputs))
}

fn report(
    spec: &RenderSpec,
    intake: &Intake,
    cut: &Cut,
    levelings: &[Leveling],
    outputs: Vec<OutputReport>,
) -> RenderReport {
    let first = spec.outputs.first().and_then(|output| {
        let wanted = AudioSpec { rate_hz: output.rate_hz, channels: output.channels.count() };
        intake.tracks.iter().zip(levelings).find(|(track, _)| track.spec == wanted)
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
        loudness_in_lufs: first.and_then(|(track, _)| track.meter.lufs()),
        gain_db: first.map_or(0.0, |(_, leveling)| leveling.gain_db()),
        outputs,
        brief: cut.brief,
        waveform,
        skew_seconds: intake.skew_seconds,
        trimmed_seconds: intake.duration_seconds - cut.full.seconds(),
        truncated: intake.sources.iter().any(|source| source.truncated),
        clipped: intake.sources.iter().any(|source| source.clipped),
        speech_seconds: intake.heard.as_ref().map(intake::Heard::speech_seconds),
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

/// Runs `work` with a few threads of its own where there are several things to do.
fn in_parallel<T: Send>(tasks: usize, work: impl FnOnce() -> Result<T, AudioError> + Send) -> Result<T, AudioError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(tasks.clamp(1, MAX_THREADS).min(cores))
        .stack_size(1024 * 1024)
        .build()
        .map_err(|error| AudioError::Limit(format!("No threads to write the renditions with ({error}).")))?;
    pool.install(work)
}

#[cfg(test)]
mod tests;
