//! Headerless formats, and the block coders that WAV shares with them.

use std::fs::File;
use std::io::{BufWriter, Write};

use super::{WRITE_FAILED, to_i16};
use crate::format::{AudioBlock, AudioError, Encoder, Fault};
use crate::g711::Law;
use crate::g722;
use crate::gsm::{Gsm, Packing};

/// Turns samples into bytes, block by block.
pub(super) trait BlockEncoder: Send {
    /// Samples that are coded together.
    fn block_samples(&self) -> usize {
        1
    }

    /// Appends the bytes of `samples`, a multiple of [`block_samples`](Self::block_samples).
    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>);
}

/// One byte a sample.
pub(super) struct G711(pub(super) Law);

impl BlockEncoder for G711 {
    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        self.0.compress_all(samples, bytes);
    }
}

/// Two bytes a sample, little-endian.
pub(super) struct Slin;

impl BlockEncoder for Slin {
    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    }
}

/// GSM 06.10 frames.
pub(super) struct GsmFrames {
    coder: Gsm,
    packing: Packing,
}

impl GsmFrames {
    pub(super) fn new(packing: Packing) -> Result<Self, AudioError> {
        let coder = Gsm::new(packing).ok_or_else(|| AudioError::Limit(Fault::NoCodecMemory { codec: "GSM".into() }))?;
        Ok(Self { coder, packing })
    }
}

impl BlockEncoder for GsmFrames {
    fn block_samples(&self) -> usize {
        self.packing.block_samples()
    }

    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        for block in samples.chunks_exact(self.packing.block_samples()) {
            self.coder.encode(block, bytes);
        }
    }
}

/// G.722, one byte for two samples.
#[derive(Default)]
pub(super) struct G722(g722::Encoder);

impl BlockEncoder for G722 {
    fn block_samples(&self) -> usize {
        2
    }

    fn encode(&mut self, samples: &[i16], bytes: &mut Vec<u8>) {
        bytes.extend(samples.chunks_exact(2).map(|pair| self.0.encode([pair[0], pair[1]])));
    }
}

/// Writes what a [`BlockEncoder`] makes, silence filling up the last block.
pub(super) struct Raw<E> {
    writer: BufWriter<File>,
    encoder: E,
    pending: Vec<i16>,
    bytes: Vec<u8>,
    bytes_written: u64,
}

impl<E: BlockEncoder> Raw<E> {
    pub(super) fn new(writer: BufWriter<File>, encoder: E) -> Self {
        Self { writer, encoder, pending: Vec::new(), bytes: Vec::new(), bytes_written: 0 }
    }

    /// Encodes all whole blocks.
    pub(super) fn append(&mut self, samples: &[f32]) -> Result<(), AudioError> {
        self.pending.extend(samples.iter().map(|sample| to_i16(*sample)));
        let whole = self.pending.len() / self.encoder.block_samples() * self.encoder.block_samples();
        self.bytes.clear();
        self.encoder.encode(&self.pending[..whole], &mut self.bytes);
        self.pending.drain(..whole);
        self.bytes_written += self.bytes.len() as u64;
        self.writer.write_all(&self.bytes).map_err(AudioError::io(WRITE_FAILED))
    }

    /// Encodes the rest and hands back the writer, everything flushed, with the number of bytes written.
    pub(super) fn complete(mut self) -> Result<(BufWriter<File>, u64), AudioError> {
        let rest = self.pending.len() % self.encoder.block_samples();
        if rest > 0 {
            let fill = self.encoder.block_samples() - rest;
            self.append(&vec![0.0; fill])?;
        }
        self.writer.flush().map_err(AudioError::io(WRITE_FAILED))?;
        Ok((self.writer, self.bytes_written))
    }
}

impl<E: BlockEncoder> Encoder for Raw<E> {
    fn write(&mut self, block: &AudioBlock) -> Result<(), AudioError> {
        self.append(&block.samples)
    }

    fn finish(self: Box<Self>) -> Result<(), AudioError> {
        self.complete().map(drop)
    }
}
