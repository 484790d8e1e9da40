//! Left and right out of what two channels share.

use super::header::Header;
use super::scale::{NO_POSITION, two_to_the_quarter};
use super::side_info::{Bands, LINES, MAX_BANDS};

/// Positions of MPEG-1 from here up tell no intensity.
const POSITIONS_MPEG1: u8 = 7;

/// A sum and a difference become left and right.
pub(super) fn mid_side(left: &mut [f32], right: &mut [f32]) {
    for (left, right) in left.iter_mut().zip(right) {
        (*left, *right) = (*left + *right, *left - *right);
    }
}

/// Where a band is told as one sound with a position, it is spread over both sides; other bands are left and right, or
/// their sum and difference.
///
/// `positions` are those of the right channel, whose lines up to `right_end` may not be zero. `steep` is MPEG-2's choice
/// between two scales.
pub(super) fn intensity(
    header: &Header,
    bands: &Bands,
    mut positions: [u8; MAX_BANDS],
    steep: bool,
    right_end: usize,
    [left, right]: &mut [[f32; LINES]; 2],
) {
    let windows = if bands.long == bands.count { 1 } else { 3 };
    let highest = highest_bands(bands, &right[..right_end]);
    // No position is coded for the uppermost band: it has that of the band below it, if that has one.
    for window in 0..windows {
        let top = bands.count - windows + window;
        let below = top - windows;
        let told = highest[top % 3].is_none_or(|highest| highest < below);
        positions[top] = if told {
            positions[below]
        } else if header.mpeg1 {
            3
        } else {
            0
        };
    }
    let mut start = 0;
    for (band, width) in bands.widths().iter().enumerate() {
        let lines = start..start + usize::from(*width);
        start = lines.end;
        let above = highest[band % 3].is_none_or(|highest| band > highest);
        let (left, right) = (&mut left[lines.clone()], &mut right[lines]);
        match gains(header, positions[band], steep).filter(|_| above) {
            Some((to_left, to_right)) => {
                for (left, right) in left.iter_mut().zip(right) {
                    (*left, *right) = (*left * to_left, *left * to_right);
                }
            }
            None if header.mid_side => mid_side(left, right),
            None => {}
        }
    }
}

/// The highest band with a sound of its own on the right, for each window; the same for all in a long block.
fn highest_bands(bands: &Bands, right: &[f32]) -> [Option<usize>; 3] {
    let (mut highest, mut start) = ([None; 3], 0);
    for (band, width) in bands.widths().iter().enumerate() {
        let end = start + usize::from(*width);
        let lines = right.get(start..end.min(right.len())).unwrap_or_default();
        if lines.iter().any(|line| *line != 0.0) {
            highest[band % 3] = Some(band);
        }
        start = end;
    }
    if bands.long > 0 { [highest.into_iter().flatten().max(); 3] } else { highest }
}

/// What goes to either side; nothing where a position tells no intensity.
fn gains(header: &Header, position: u8, steep: bool) -> Option<(f32, f32)> {
    // Gains are those of a sum and a difference where these are used, which this sound is not.
    let all = if header.mid_side { std::f32::consts::SQRT_2 } else { 1.0 };
    if header.mpeg1 {
        let angle = f64::from(position) * std::f64::consts::FRAC_PI_2 / 6.0;
        let (sine, cosine) = angle.sin_cos();
        let left = (sine / (sine + cosine)) as f32;
        return (position < POSITIONS_MPEG1).then_some((left * all, (1.0 - left) * all));
    }
    let less = two_to_the_quarter(-(i32::from(position.div_ceil(2)) << i32::from(steep))) * all;
    match position {
        NO_POSITION => None,
        odd if odd % 2 == 1 => Some((less, all)),
        _ => Some((all, less)),
    }
}
