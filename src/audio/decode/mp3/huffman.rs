//! The lines of a spectrum out of their Huffman codes, as far up as they are wanted.

use std::sync::LazyLock;

use super::bits::Bits;
use super::huffman_tables::{LINBITS, PAIR_TREES, PAIRS, QUADS};
use super::side_info::{Bands, Channel, LINES, MAX_BANDS};

/// Values beyond 15 go up to 15 + 2¹³ − 1.
const LARGEST: usize = 15 + (1 << 13);

/// The powers 4/3 of all values.
static POWERS: LazyLock<Vec<f32>> =
    LazyLock::new(|| (0..LARGEST).map(|value| (value as f64).powf(4.0 / 3.0) as f32).collect());

/// The powers 4/3 of 0 to 15, and behind them the same negative.
static SMALL_POWERS: LazyLock<[f32; 32]> =
    LazyLock::new(|| std::array::from_fn(|index| if index < 16 { POWERS[index] } else { -POWERS[index - 16] }));

/// Bits of a code that are looked up at once.
const GLANCE_BITS: u32 = 9;

/// A leaf as in [`PAIRS`], with all bits of its code, for each beginning of a code; 0 where a code is longer.
///
/// Nearly all codes are short, and one look is what a processor can foresee.
type Glance = [u16; 1 << GLANCE_BITS];

/// By where a tree begins.
static GLANCES: LazyLock<Vec<Glance>> = LazyLock::new(|| {
    let glance = |tree: &usize| {
        std::array::from_fn(|begin| {
            let word = (begin as u64) << (64 - GLANCE_BITS);
            let (leaf, bits) = walk(*tree, word);
            if bits <= GLANCE_BITS { (leaf | (bits << 8)) as u16 } else { 0 }
        })
    };
    PAIR_TREES.iter().map(glance).collect()
});

/// Follows a code through its tree: the leaf's values, and the bits of the code.
fn walk(tree: usize, mut word: u64) -> (u32, u32) {
    let (mut used, mut width) = (0, 5);
    let mut leaf = PAIRS[tree + (word >> 59) as usize];
    while leaf < 0 {
        used += width;
        word <<= width;
        width = (leaf & 7) as u32;
        let at = tree as i32 - i32::from(leaf >> 3) + (word >> 1 >> (63 - width)) as i32;
        leaf = PAIRS.get(at as usize).copied().unwrap_or(0);
    }
    ((leaf & 0xFF) as u32, used + (leaf >> 8) as u32)
}

/// Reads the lines of a granule, each times its band's gain, up to `wanted` or a little beyond; the rest are zeros.
/// `bits` ends at `end`, where the granule's next channel begins. The number of lines that may not be zero.
pub(super) fn read_lines(
    bits: &mut Bits,
    end: usize,
    channel: &Channel,
    bands: &Bands,
    gains: &[f32; MAX_BANDS],
    wanted: usize,
    lines: &mut [f32; LINES],
) -> usize {
    let (large, small): (&[f32], &[f32; 32]) = (&POWERS, &SMALL_POWERS);
    let pairs_end = (2 * channel.pairs).min(wanted);
    let (mut line, mut band_end) = (0, 0);
    let mut widths = bands.widths().iter().zip(gains);
    let mut gain = 0.0;
    while line < pairs_end && bits.at() < end {
        if line >= band_end {
            let Some((width, next)) = widths.next() else { break };
            band_end += usize::from(*width);
            gain = *next;
        }
        let (region, region_end) = match channel.regions {
            [first, _] if line < first => (0, first),
            [_, second] if line < second => (1, second),
            _ => (2, LINES),
        };
        let run_end = pairs_end.min(band_end).min(region_end);
        let table = channel.tables[region];
        let (tree, linbits, glance) = (PAIR_TREES[table], LINBITS[table], &GLANCES[table]);
        for pair in lines[line..run_end].chunks_exact_mut(2) {
            if bits.at() >= end {
                break;
            }
            line += 2;
            // A code and its additions have 47 bits at most, which one look has.
            let mut word = bits.peek();
            let leaf = u32::from(glance[(word >> (64 - GLANCE_BITS)) as usize]);
            let (values, mut used) = if leaf != 0 || tree == 0 { (leaf & 0xFF, leaf >> 8) } else { walk(tree, word) };
            word <<= used;
            let values = [values & 15, values >> 4];
            for (out, value) in pair.iter_mut().zip(values) {
                let value = value as usize;
                if value == 15 && linbits > 0 {
                    let added = (word >> (64 - linbits)) as usize;
                    word <<= linbits;
                    used += linbits + 1;
                    let power = large.get(15 + added).copied().unwrap_or(0.0) * gain;
                    *out = if word >> 63 == 1 { -power } else { power };
                    word <<= 1;
                } else {
                    *out = small[value + 16 * (word >> 63) as usize] * gain;
                    let sign = u32::from(value > 0);
                    word <<= sign;
                    used += sign;
                }
            }
            bits.skip(used);
        }
    }
    // Where bits ran out early, a pair may be left.
    line = line.min(pairs_end);
    if pairs_end == 2 * channel.pairs {
        line = read_quads(bits, end, channel, bands, gains, line, wanted, lines);
    }
    lines[line..].fill(0.0);
    *bits = bits.moved_to(end);
    line
}

/// Reads the lines of 0 and 1 above the pairs.
#[expect(clippy::too_many_arguments, reason = "the state of the loop above, which it goes on with")]
fn read_quads(
    bits: &mut Bits,
    end: usize,
    channel: &Channel,
    bands: &Bands,
    gains: &[f32; MAX_BANDS],
    mut line: usize,
    wanted: usize,
    lines: &mut [f32; LINES],
) -> usize {
    let tree = QUADS[channel.quad_table];
    let mut widths = bands.widths().iter().zip(gains);
    let (mut band_end, mut gain) = (0, 0.0);
    while line + 4 <= LINES && line < wanted && bits.at() < end {
        let word = bits.peek();
        let mut leaf = tree[(word >> 60) as usize];
        if leaf & 8 == 0 {
            let more = u32::from(leaf & 3);
            leaf = tree[usize::from(leaf >> 3) + (word << 4 >> 1 >> (63 - more)) as usize];
        }
        let mut used = u32::from(leaf & 7);
        let mut quad = [0.0; 4];
        for (index, out) in quad.iter_mut().enumerate() {
            // Bands are of even width, so two lines have the same gain; a quad may lie across a border.
            while line + index >= band_end {
                let Some((width, next)) = widths.next() else { break };
                band_end += usize::from(*width);
                gain = *next;
            }
            if leaf & (128 >> index) != 0 {
                *out = if word << used >> 63 == 1 { -gain } else { gain };
                used += 1;
            }
        }
        if bits.at() + used as usize > end {
            // Some encoders fill up with bits that are no code.
            break;
        }
        bits.skip(used);
        lines[line..line + 4].copy_from_slice(&quad);
        line += 4;
    }
    line
}
