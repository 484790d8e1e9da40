//! What a frame tells of its granules before their bits, and how the lines of a spectrum lie in bands.

use super::bits::Bits;
use super::header::Header;
use super::tables::{BAND_TABLES, LONG, SHORT};

/// Lines of a granule.
pub(super) const LINES: usize = 576;
/// Bands of a granule at most: 13 in each of three windows.
pub(super) const MAX_BANDS: usize = 39;

/// How a granule is cut in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// One long block, with the window for long blocks before and after it.
    #[default]
    Long,
    /// A long block before short ones.
    Start,
    /// Three short blocks; the two lowest subbands (four at 8 kHz) may be a long one nevertheless.
    Short {
        /// They are.
        mixed: bool,
    },
    /// A long block after short ones.
    Stop,
}

/// One channel of one granule.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Channel {
    /// Bits of its scale factors and lines together.
    pub(super) bits: u32,
    /// Pairs of lines with values beyond 1.
    pub(super) pairs: usize,
    pub(super) global_gain: i32,
    /// Says how many bits each scale factor has.
    pub(super) scale_code: u32,
    pub(super) shape: Shape,
    /// Gain of each short block, in steps of 12 dB downwards.
    pub(super) window_gains: [u8; 3],
    /// Huffman tables of the three regions.
    pub(super) tables: [usize; 3],
    /// Lines before the second region and before the third.
    pub(super) regions: [usize; 2],
    pub(super) pre_emphasis: bool,
    /// Scale factors count twice.
    pub(super) coarse_scale: bool,
    /// Which table codes the lines of 0 and 1.
    pub(super) quad_table: usize,
    /// Which quarters of the scale factors are those of the first granule.
    pub(super) shared: [bool; 4],
}

/// All of a frame's.
#[derive(Debug)]
pub(super) struct SideInfo {
    /// Bytes of earlier frames in which this one's bits begin.
    pub(super) reservoir: usize,
    /// By granule and channel.
    pub(super) granules: [[Channel; 2]; 2],
}

impl SideInfo {
    /// Reads it from behind the header; nothing if it contradicts itself.
    pub(super) fn read(header: &Header, bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes, 0);
        let mut info = Self { reservoir: 0, granules: Default::default() };
        if header.mpeg1 {
            info.reservoir = bits.read(9) as usize;
            bits.skip(if header.mono { 5 } else { 3 });
            for channel in &mut info.granules[1][..header.channels()] {
                channel.shared = std::array::from_fn(|_| bits.flag());
            }
        } else {
            info.reservoir = bits.read(8) as usize;
            bits.skip(if header.mono { 1 } else { 2 });
        }
        for granule in &mut info.granules[..header.granules()] {
            for channel in &mut granule[..header.channels()] {
                channel.read(header, &mut bits)?;
            }
        }
        Some(info)
    }
}

impl Channel {
    fn read(&mut self, header: &Header, bits: &mut Bits) -> Option<()> {
        self.bits = bits.read(12);
        self.pairs = bits.read(9) as usize;
        if self.pairs > LINES / 2 {
            return None;
        }
        self.global_gain = bits.read(8) as i32;
        self.scale_code = bits.read(if header.mpeg1 { 4 } else { 9 });
        let long = &LONG[header.bands];
        let first = |bands: usize| long.iter().take(bands).map(|width| usize::from(*width)).sum::<usize>();
        if bits.flag() {
            let (kind, mixed) = (bits.read(2), bits.flag());
            self.shape = match kind {
                0 => return None,
                1 => Shape::Start,
                2 => Shape::Short { mixed },
                _ => Shape::Stop,
            };
            self.tables = [bits.read(5) as usize, bits.read(5) as usize, 0];
            self.window_gains = std::array::from_fn(|_| bits.read(3) as u8);
            // The first region has as many lines in a mixed block as in a short one: three bands of three windows.
            let lines = match self.shape {
                Shape::Short { .. } => 9 * usize::from(SHORT[header.bands][0]),
                _ => first(8),
            };
            self.regions = [lines, LINES];
        } else {
            self.tables = std::array::from_fn(|_| bits.read(5) as usize);
            let bands = bits.read(4) as usize + 1;
            self.regions = [first(bands), first(bands + bits.read(3) as usize + 1)];
        }
        self.pre_emphasis = header.mpeg1 && bits.flag();
        self.coarse_scale = bits.flag();
        self.quad_table = bits.read(1) as usize;
        Some(())
    }
}

/// Widths of bands in the order in which they are coded; short ones come three times, once for each window.
#[derive(Debug)]
pub(super) struct Bands {
    widths: [u8; MAX_BANDS],
    pub(super) count: usize,
    /// Those of a long block.
    pub(super) long: usize,
}

impl Bands {
    /// The bands of a granule of this shape.
    pub(super) fn of(header: &Header, shape: Shape) -> &'static Self {
        let index = match shape {
            Shape::Short { mixed: false } => 1,
            Shape::Short { mixed: true } => 2,
            _ => 0,
        };
        &BANDS[header.bands][index]
    }

    pub(super) fn widths(&self) -> &[u8] {
        &self.widths[..self.count]
    }

    /// Lines of the long block, in a mixed one.
    pub(super) fn long_lines(&self) -> usize {
        self.widths[..self.long].iter().map(|width| usize::from(*width)).sum()
    }
}

static BANDS: [[Bands; 3]; BAND_TABLES] = {
    const NONE: Bands = Bands { widths: [0; MAX_BANDS], count: 0, long: 0 };
    let mut all = [const { [NONE; 3] }; BAND_TABLES];
    let mut table = 0;
    while table < BAND_TABLES {
        // Above the subbands of the long block, a mixed one goes on with the fourth short band.
        let mixed = if LONG[table][0] == 4 { 8 } else { 6 };
        all[table] = [bands(table, 22, 13), bands(table, 0, 0), bands(table, mixed, 3)];
        table += 1;
    }
    all
};

/// The first `long` bands, then the short ones from `short`.
const fn bands(table: usize, long: usize, mut short: usize) -> Bands {
    let mut bands = Bands { widths: [0; MAX_BANDS], count: 0, long };
    while bands.count < long {
        bands.widths[bands.count] = LONG[table][bands.count];
        bands.count += 1;
    }
    while short < 13 {
        let mut window = 0;
        while window < 3 {
            bands.widths[bands.count] = SHORT[table][short];
            bands.count += 1;
            window += 1;
        }
        short += 1;
    }
    bands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bands_of_every_rate_and_shape_have_all_lines() {
        for bands in BANDS.iter().flatten() {
            assert_eq!(bands.widths().iter().map(|width| usize::from(*width)).sum::<usize>(), LINES, "{bands:?}");
            assert_eq!(bands.long_lines() % 18, 0, "a mixed block changes between subbands: {bands:?}");
        }
    }
}
