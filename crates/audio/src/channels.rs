//! Maps the channels that a source has onto as many as are wanted.

/// Appends `samples` of `from` interleaved channels to `out` as `to` channels.
///
/// Mono is the average of all channels, so that nothing clips; any other change of their number has the average in each,
/// because the order of surround channels can't be relied on.
pub(crate) fn map(samples: &[f32], from: u16, to: u16, out: &mut Vec<f32>) {
    let average = |frame: &[f32]| frame.iter().sum::<f32>() / f32::from(from);
    let frames = samples.chunks_exact(usize::from(from));
    match (from, to) {
        _ if from == to => out.extend_from_slice(samples),
        (2, 1) => out.extend(frames.map(|frame| 0.5 * (frame[0] + frame[1]))),
        (_, 1) => out.extend(frames.map(average)),
        _ => out.extend(frames.flat_map(|frame| std::iter::repeat_n(average(frame), usize::from(to)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(samples: &[f32], from: u16, to: u16) -> Vec<f32> {
        let mut out = Vec::new();
        map(samples, from, to, &mut out);
        out
    }

    #[test]
    fn averages_and_spreads() {
        assert_eq!(mapped(&[1.0, 0.0, -0.5, 0.5], 2, 1), [0.5, 0.0]);
        assert_eq!(mapped(&[0.25, -1.0], 1, 2), [0.25, 0.25, -1.0, -1.0]);
        assert_eq!(mapped(&[0.0, 0.75, 0.75], 3, 2), [0.5, 0.5]);
        assert_eq!(mapped(&[0.1, 0.2], 2, 2), [0.1, 0.2]);
        assert_eq!(mapped(&[0.25, 0.75], 2, 3), [0.5, 0.5, 0.5]);
    }
}
