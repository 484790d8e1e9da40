//! Decodes one frame after the other.

use super::band::Band;
use super::bits::Bits;
use super::dct::COLUMNS;
use super::header::Header;
use super::huffman::read_lines;
use super::hybrid::{Hybrid, SLOTS, SUBBANDS, Subbands};
use super::scale::ScaleFactors;
use super::side_info::{Bands, Channel, LINES, SideInfo};
use super::stereo;
use super::synthesis::Synthesis;

/// Bytes that a frame may take from those before it.
const MAX_RESERVOIR_BYTES: usize = 511;

type Lines = [f32; LINES];

/// What is kept from frame to frame.
pub(super) struct Layer3 {
    band: Band,
    /// The first of each `band.step` samples that is made.
    first: usize,
    /// Both channels become one.
    downmix: bool,
    opposition: Opposition,
    /// Bytes that no frame has used yet, then those of the current one.
    reservoir: Vec<u8>,
    factors: [ScaleFactors; 2],
    lines: Box<[[Lines; 2]; 2]>,
    hybrids: [Hybrid; 2],
    subbands: Box<Subbands>,
    filters: [Synthesis; 2],
}

/// Tells whether channels that are added cancel each other for a while.
#[derive(Default)]
struct Opposition {
    granules: u32,
    lasts: bool,
}

impl Opposition {
    /// So many granules in a row are no chance: about half a second.
    const LASTING_GRANULES: u32 = 40;
    /// The difference of two channels in opposite phase has so much more energy than their sum, at least.
    const RATIO: f32 = 4.0;

    fn note(&mut self, opposite: bool) {
        self.granules = if opposite { self.granules + 1 } else { 0 };
        self.lasts |= self.granules >= Self::LASTING_GRANULES;
    }
}

/// A frame that says what cannot be. It is to be left out.
pub(super) struct Damaged;

impl Layer3 {
    /// `delay` samples at the start are not going to be heard, which decides which samples are made.
    pub(super) fn new(band: Band, downmix: bool, delay: u64) -> Self {
        Self {
            band,
            first: (delay % band.step as u64) as usize,
            downmix,
            opposition: Opposition::default(),
            reservoir: Vec::new(),
            factors: Default::default(),
            lines: Box::new([[[0.0; LINES]; 2]; 2]),
            hybrids: Default::default(),
            subbands: Box::new([[0.0; COLUMNS]; SUBBANDS]),
            filters: Default::default(),
        }
    }

    /// True if channels were added that cancel each other.
    pub(super) fn cancels(&self) -> bool {
        self.opposition.lasts
    }

    /// Appends the sound of a frame to `out`, interleaved.
    pub(super) fn decode(&mut self, header: &Header, frame: &[u8], out: &mut Vec<f32>) -> Result<(), Damaged> {
        let (side_info, data) = frame[header.side_info_start()..].split_at(header.side_info_bytes());
        let info = SideInfo::read(header, side_info).ok_or(Damaged);
        let read = info.and_then(|info| self.read_main_data(header, &info, data).map(|sounding| (info, sounding)));
        let Ok((info, sounding)) = read else {
            // What is left of it would be taken for another frame's.
            self.reservoir.clear();
            return Err(Damaged);
        };
        for (granule, sounding) in sounding.into_iter().enumerate().take(header.granules()) {
            self.sound(header, &info, granule, sounding, out);
        }
        Ok(())
    }

    /// Reads the lines of all granules and channels; up to which line each may have any.
    fn read_main_data(&mut self, header: &Header, info: &SideInfo, data: &[u8]) -> Result<[[usize; 2]; 2], Damaged> {
        let kept = self.reservoir.len();
        self.reservoir.drain(..kept.saturating_sub(info.reservoir));
        let mut missing_bits = 8 * (info.reservoir.saturating_sub(kept));
        self.reservoir.extend_from_slice(data);
        let main_bits = 8 * self.reservoir.len();
        let mut sounding = [[0; 2]; 2];
        let mut at = 0;
        let only_mid = self.downmix && has_only_mid(header, info);
        for (granule, channels) in info.granules[..header.granules()].iter().enumerate() {
            let granule_bits: usize = channels[..header.channels()].iter().map(|channel| channel.bits as usize).sum();
            if missing_bits > 0 {
                // The frame that had the start of it is not there, and the granule is silent.
                at += granule_bits.saturating_sub(missing_bits);
                missing_bits = missing_bits.saturating_sub(granule_bits);
                self.lines[granule] = [[0.0; LINES]; 2];
                continue;
            }
            for (index, channel) in channels[..header.channels()].iter().enumerate() {
                let end = at + channel.bits as usize;
                if end > main_bits {
                    return Err(Damaged);
                }
                let mut bits = Bits::new(&self.reservoir, at);
                at = end;
                if only_mid && index == 1 {
                    continue;
                }
                let bands = Bands::of(header, channel.shape);
                let tells_intensity = header.intensity && index == 1;
                let factors = &mut self.factors[index];
                factors.read(header, channel, tells_intensity, &mut bits);
                if bits.at() > end {
                    return Err(Damaged);
                }
                let gains = factors.gains(header, channel, bands, tells_intensity);
                // Where the right channel's sound ends, intensity begins, wherever that is.
                let wanted = if tells_intensity { LINES } else { bands.whole(self.band.subbands * SLOTS) };
                let lines = &mut self.lines[granule][index];
                let read = read_lines(&mut bits, end, channel, bands, &gains, wanted, lines);
                sounding[granule][index] = bands.whole(read);
            }
            if !header.mono && !only_mid {
                let both = self.join(header, channels, granule, sounding[granule]);
                sounding[granule] = [both; 2];
            }
        }
        let used = at.div_ceil(8).max(self.reservoir.len().saturating_sub(MAX_RESERVOIR_BYTES));
        self.reservoir.drain(..used.min(self.reservoir.len()));
        Ok(sounding)
    }

    /// Makes left and right out of what two channels share; up to which line they may have any.
    fn join(&mut self, header: &Header, channels: &[Channel; 2], granule: usize, sounding: [usize; 2]) -> usize {
        let lines = &mut self.lines[granule];
        let end = sounding[0].max(sounding[1]);
        if header.intensity {
            let bands = Bands::of(header, channels[1].shape);
            let steep = channels[1].scale_code & 1 == 1;
            stereo::intensity(header, bands, self.factors[1].positions, steep, sounding[1], lines);
        } else if header.mid_side {
            let [left, right] = lines;
            stereo::mid_side(&mut left[..end], &mut right[..end]);
        }
        end
    }

    /// Appends the sound of one granule.
    fn sound(&mut self, header: &Header, info: &SideInfo, granule: usize, sounding: [usize; 2], out: &mut Vec<f32>) {
        let [left, right] = &mut self.lines[granule];
        let shapes = [info.granules[granule][0].shape, info.granules[granule][1].shape];
        // Cancelling aliases spreads the lines into the next subband.
        let subbands = sounding.map(|lines| (lines.div_ceil(SLOTS) + 1).min(self.band.subbands));
        let transform = |hybrid: &mut Hybrid, lines: &mut Lines, channel: usize, adding, out: &mut Subbands| {
            let bands = Bands::of(header, shapes[channel]);
            hybrid.transform(lines, shapes[channel], bands, subbands[channel], adding, out);
        };
        let Self {
            hybrids: [left_hybrid, right_hybrid], filters: [left_filter, right_filter], subbands: samples, ..
        } = self;
        let channels = if header.mono || self.downmix { 1 } else { 2 };
        let start = out.len();
        out.resize(start + LINES / self.band.step * channels, 0.0);
        let out = &mut out[start..];
        if header.mono || (self.downmix && has_only_mid(header, info)) {
            // The side is not read, but its size tells when it is all there is.
            let [mid, side] = &info.granules[granule];
            self.opposition.note(!header.mono && side.bits > 64 && side.bits > 4 * mid.bits);
            transform(left_hybrid, left, 0, false, samples);
        } else if self.downmix {
            let end = sounding[0].max(sounding[1]);
            let (mut sum, mut difference) = (0.0, 0.0);
            for (left, right) in left[..end].iter().zip(&right[..end]) {
                sum += (left + right).powi(2);
                difference += (left - right).powi(2);
            }
            self.opposition.note(difference > Opposition::RATIO * sum);
            if shapes[0] == shapes[1] {
                let both = left[..end].iter_mut().zip(&right[..end]);
                both.for_each(|(left, right)| *left = 0.5 * (*left + right));
                transform(left_hybrid, left, 0, false, samples);
            } else {
                left[..end].iter_mut().chain(&mut right[..end]).for_each(|line| *line *= 0.5);
                transform(left_hybrid, left, 0, false, samples);
                transform(left_hybrid, right, 1, true, samples);
            }
        } else {
            transform(right_hybrid, right, 1, false, samples);
            right_filter.sound(samples, self.first, self.band.step, &mut out[1..], 2);
            transform(left_hybrid, left, 0, false, samples);
        }
        left_filter.sound(samples, self.first, self.band.step, out, channels);
    }
}

/// True if the sum of both channels is all there is in the first of them, so that the other need not even be read.
fn has_only_mid(header: &Header, info: &SideInfo) -> bool {
    let same = |channels: &[Channel; 2]| channels[0].shape == channels[1].shape;
    header.mid_side && !header.intensity && info.granules[..header.granules()].iter().all(same)
}

impl Bands {
    /// The lines up to `lines`, and beyond to the end of a short band of all three windows, whose lines lie between each
    /// other's.
    fn whole(&self, lines: usize) -> usize {
        let long = self.long_lines();
        if lines <= long {
            return lines;
        }
        let mut end = long;
        for width in self.widths()[self.long..].iter().step_by(3) {
            if end >= lines {
                break;
            }
            end += 3 * usize::from(*width);
        }
        end
    }
}
