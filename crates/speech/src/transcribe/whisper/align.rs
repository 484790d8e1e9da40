//! When each token was said, from where the decoder looked while it wrote.
//!
//! Some heads of each published model follow the speech; OpenAI names them in `whisper/__init__.py`. Dynamic time
//! warping through their attention gives a time for every token, as in OpenAI's `timing.py`.

use super::weights::Shape;

/// A head of the decoder's attention to what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) layer: usize,
    pub(super) head: usize,
}

/// Seconds of one encoder position.
pub(super) const POSITION_SECONDS: f64 = 0.02;

/// Attention is smoothed over so many positions by their median.
const SMOOTH_POSITIONS: usize = 7;

/// The heads that follow the speech in the models of OpenAI that are told apart by their sizes.
fn known_heads(shape: Shape) -> Option<&'static [(usize, usize)]> {
    let english = shape.vocabulary == super::vocabulary::ENGLISH_TOKENS;
    Some(match (shape.text_layers, shape.text_width, english) {
        (4, 384, true) => &[(1, 0), (2, 0), (2, 5), (3, 0), (3, 1), (3, 2), (3, 3), (3, 4)],
        (4, 384, false) => &[(2, 2), (3, 0), (3, 2), (3, 3), (3, 4), (3, 5)],
        (6, 512, true) => &[(3, 3), (4, 7), (5, 1), (5, 5), (5, 7)],
        (6, 512, false) => &[(3, 1), (4, 2), (4, 3), (4, 7), (5, 1), (5, 2), (5, 4), (5, 6)],
        (12, 768, false) => &[(5, 3), (5, 9), (8, 0), (8, 4), (8, 7), (8, 8), (9, 0), (9, 7), (9, 9), (10, 5)],
        (24, 1024, false) => &[(13, 15), (15, 4), (15, 15), (16, 1), (20, 0), (23, 4)],
        (4, 1280, false) => &[(2, 4), (2, 11), (3, 3), (3, 6), (3, 11), (3, 14)],
        _ => return None,
    })
}

/// The heads to watch: those known to follow the speech, else all of the upper half.
pub(super) fn heads(shape: Shape) -> Vec<Head> {
    match known_heads(shape) {
        Some(known) => known.iter().map(|&(layer, head)| Head { layer, head }).collect(),
        None => (shape.text_layers / 2..shape.text_layers)
            .flat_map(|layer| (0..shape.text_heads).map(move |head| Head { layer, head }))
            .collect(),
    }
}

/// Where a token was looked for, in seconds from the start of the span: the position that most heads agree on.
///
/// `looked` has a row of `positions` for each head, of which only those of the span's `heard` count.
pub(super) fn place(looked: &[f32], positions: usize, heard: usize) -> f64 {
    let share = |position: usize| looked.chunks_exact(positions).map(|head| head[position]).sum::<f32>();
    let mut best = (0, f32::NEG_INFINITY);
    for position in 0..heard.min(positions) {
        let share = share(position);
        if share > best.1 {
            best = (position, share);
        }
    }
    best.0 as f64 * POSITION_SECONDS
}

/// The seconds at which each of the tokens begins that were written while the decoder looked as `attention` says, a row of
/// `positions` a head for each token.
pub(super) fn times(attention: &[Vec<f32>], positions: usize, heard: usize) -> Vec<f64> {
    let heard = heard.min(positions);
    if attention.is_empty() || heard == 0 {
        return vec![0.0; attention.len()];
    }
    let heads = attention[0].len() / positions;
    let mut costs = vec![0f32; attention.len() * heard];
    for head in 0..heads {
        let mut rows: Vec<f32> =
            attention.iter().flat_map(|looked| &looked[head * positions..][..heard]).copied().collect();
        standardize(&mut rows, heard);
        for (costs, row) in costs.chunks_exact_mut(heard).zip(rows.chunks_exact(heard)) {
            for (cost, value) in costs.iter_mut().zip(medians(row)) {
                *cost -= value / heads as f32;
            }
        }
    }
    cheapest_path(&costs, heard).into_iter().map(|position| position as f64 * POSITION_SECONDS).collect()
}

/// Brings every column to mean zero and variance one, so that positions which are always looked at count less.
fn standardize(rows: &mut [f32], width: usize) {
    let count = (rows.len() / width) as f32;
    let (mut means, mut variances) = (vec![0f32; width], vec![0f32; width]);
    for row in rows.chunks_exact(width) {
        means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count);
    }
    for row in rows.chunks_exact(width) {
        let deviations = row.iter().zip(&means).map(|(value, mean)| value - mean);
        variances.iter_mut().zip(deviations).for_each(|(variance, deviation)| *variance += deviation.powi(2) / count);
    }
    for row in rows.chunks_exact_mut(width) {
        for (value, (mean, variance)) in row.iter_mut().zip(means.iter().zip(&variances)) {
            *value = (*value - mean) / variance.sqrt().max(1e-9);
        }
    }
}

/// Each value's median with its neighbours, fewer at the ends.
fn medians(row: &[f32]) -> impl Iterator<Item = f32> {
    const HALF: usize = SMOOTH_POSITIONS / 2;
    (0..row.len()).map(|at| {
        let near = &row[at.saturating_sub(HALF)..(at + HALF + 1).min(row.len())];
        let mut sorted = [0f32; SMOOTH_POSITIONS];
        let sorted = &mut sorted[..near.len()];
        sorted.copy_from_slice(near);
        sorted.sort_unstable_by(f32::total_cmp);
        sorted[near.len() / 2]
    })
}

/// The first column of each row on the cheapest way through a matrix from its first corner to its last, never backwards.
fn cheapest_path(costs: &[f32], width: usize) -> Vec<usize> {
    #[derive(Clone, Copy)]
    enum Step {
        Both,
        Down,
        Along,
    }
    let rows = costs.len() / width;
    let mut total = vec![f32::INFINITY; (rows + 1) * (width + 1)];
    let mut steps = vec![Step::Both; costs.len()];
    total[0] = 0.0;
    for row in 0..rows {
        for column in 0..width {
            let at = |row: usize, column: usize| total[row * (width + 1) + column];
            let (both, down, along) = (at(row, column), at(row, column + 1), at(row + 1, column));
            let (least, step) = if both < down && both < along {
                (both, Step::Both)
            } else if down < both && down < along {
                (down, Step::Down)
            } else {
                (along, Step::Along)
            };
            total[(row + 1) * (width + 1) + column + 1] = least + costs[row * width + column];
            steps[row * width + column] = step;
        }
    }
    let mut firsts = vec![0; rows];
    let (mut row, mut column) = (rows - 1, width - 1);
    loop {
        firsts[row] = column;
        match steps[row * width + column] {
            _ if row == 0 => break,
            Step::Both if column > 0 => (row, column) = (row - 1, column - 1),
            Step::Along if column > 0 => column -= 1,
            _ => row -= 1,
        }
    }
    // The first token begins where it was looked for, not with the silence before it.
    firsts[0] = firsts.get(1).map_or(firsts[0], |next| first_of_row(&costs[..width], *next));
    firsts
}

/// Where the first row is cheapest before the second begins.
fn first_of_row(costs: &[f32], before: usize) -> usize {
    let cheapest = (0..=before.min(costs.len() - 1)).min_by(|a, b| costs[*a].total_cmp(&costs[*b]));
    cheapest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two heads that look at one position each token, with a faint look everywhere.
    fn attention(looks: &[usize], positions: usize) -> Vec<Vec<f32>> {
        let row = |look: usize| {
            (0..2 * positions).map(move |at| if (at % positions).abs_diff(look) < 5 { 0.1 } else { 0.001 }).collect()
        };
        looks.iter().map(|look| row(*look)).collect()
    }

    #[test]
    fn tokens_begin_where_they_were_looked_for() {
        let looks = [20, 60, 61, 100, 180];
        let times = times(&attention(&looks, 256), 256, 200);
        assert!(times.is_sorted(), "{times:?}");
        for (time, look) in times.iter().zip(looks) {
            assert!((time - look as f64 * 0.02).abs() <= 0.2, "{times:?}");
        }
    }

    #[test]
    fn a_place_is_where_the_heads_agree_within_the_span() {
        let row = &attention(&[120], 256)[0];
        assert!((place(row, 256, 200) - 2.32).abs() < 0.01);
        assert!(place(row, 256, 50) < 1.0, "what lies behind the span does not count");
    }

    #[test]
    fn nothing_written_or_heard_has_no_times() {
        assert!(times(&[], 256, 200).is_empty());
        assert_eq!(times(&attention(&[3], 256), 256, 0), [0.0]);
        assert_eq!(times(&attention(&[3], 256), 256, 1).len(), 1);
    }
}
