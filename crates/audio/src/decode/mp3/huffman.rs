//! The lines of a spectrum out of their Huffman codes, as far up as they are wanted.

use std::sync::{LazyLock, OnceLock};

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

/// Bits that are looked up at once. Nearly all pairs have no more, and one look is what a processor can foresee.
const GLANCE_BITS: u32 = 11;

/// For the next bits: which of [`SMALL_POWERS`] the two lines are, in five bits each, and how many bits that took.
type Glance = [u16; 1 << GLANCE_BITS];

/// What cannot be told at a glance: a long code, or a value that more bits are added to.
const LONGER: u16 = u16::MAX;

/// By table; each is made when a file first uses it, as all of them would take as long as many seconds of sound.
static GLANCES: [OnceLock<Glance>; 32] = [const { OnceLock::new() }; 32];

fn glance(table: usize) -> &'static Glance {
    // The upper tables differ only in the bits that are added to values.
    let table = if table < 16 { table } else { table & !7 };
    GLANCES[table].get_or_init(|| {
        let mut glance = [LONGER; 1 << GLANCE_BITS];
        for (begin, told) in glance.iter_mut().enumerate() {
            let mut word = (begin as u64) << (64 - GLANCE_BITS);
            let (values, mut used) = walk(PAIR_TREES[table], word);
            word <<= used;
            let mut lines = 0;
            for (place, value) in values.into_iter().enumerate().filter(|(_, value)| *value > 0) {
                lines |= (value + 16 * (word >> 63) as usize) << (5 * place);
                word <<= 1;
                used += 1;
            }
            let has_more = LINBITS[table] > 0 && values.contains(&15);
            if used <= GLANCE_BITS && !has_more {
                *told = lines as u16 | ((used as u16) << 10);
            }
        }
        glance
    })
}

/// Follows a code through its tree: the values of its pair, and the bits of the code.
fn walk(tree: usize, mut word: u64) -> ([usize; 2], u32) {
    let (mut used, mut width) = (0, 5);
    let mut leaf = PAIRS[tree + (word >> 59) as usize];
    while leaf < 0 {
        used += width;
        word <<= width;
        width = (leaf & 7) as u32;
        let at = tree as i32 - i32::from(leaf >> 3) + (word >> 1 >> (63 - width)) as i32;
        leaf = PAIRS.get(at as usize).copied().unwrap_or(0);
    }
    ([leaf & 15, (leaf >> 4) & 15].map(|value| value as usize), used + (leaf >> 8) as u32)
}

/// Reads a pair that is more than a glance, and is told by up to 47 bits: its lines without their gain, and the bits.
fn read_longer(table: usize, mut word: u64) -> ([f32; 2], u32) {
    let ([first, second], mut used) = walk(PAIR_TREES[table], word);
    let powers = &POWERS[..];
    word <<= used;
    let mut line = |value: usize| {
        let linbits = if value == 15 { LINBITS[table] } else { 0 };
        let added = (word >> 1 >> (63 - linbits)) as usize;
        let power = powers.get(value + added).copied().unwrap_or(0.0);
        word <<= linbits;
        // A zero has no sign.
        let has_sign = u32::from(value > 0);
        let sign = (word >> 32) as u32 & (has_sign << 31);
        word <<= has_sign;
        used += linbits + has_sign;
        f32::from_bits(power.to_bits() | sign)
    };
    ([line(first), line(second)], used)
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
    let small: &[f32; 32] = &SMALL_POWERS;
    let (mut word, mut left) = (0, 0);
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
        let glance = glance(table);
        for pair in lines[line..run_end].chunks_exact_mut(2) {
            if bits.at() >= end {
                break;
            }
            line += 2;
            if left < GLANCE_BITS {
                (word, left) = (bits.peek(), 57);
            }
            let told = glance[(word >> (64 - GLANCE_BITS)) as usize];
            if told == LONGER {
                let (values, used) = read_longer(table, bits.peek());
                pair.copy_from_slice(&values.map(|value| value * gain));
                bits.skip(used);
                left = 0;
            } else {
                let used = u32::from(told >> 10);
                pair[0] = small[usize::from(told & 31)] * gain;
                pair[1] = small[usize::from(told >> 5 & 31)] * gain;
                word <<= used;
                left -= used;
                bits.skip(used);
            }
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
