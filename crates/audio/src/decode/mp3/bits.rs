//! Reads bits, most significant first.

/// A place in bytes, counted in bits; behind the end there are zeros.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Bits from the start.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The same bytes from another place.
    pub(super) fn moved_to(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The next bits from the top down, at least 57 of them.
    pub(super) fn peek(&self) -> u64 {
        let byte = self.at >> 3;
        let word = match self.bytes.get(byte..byte + 8).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => u64::from_be_bytes(bytes),
            None => self.last_word(byte),
        };
        word << (self.at & 7)
    }

    #[cold]
    fn last_word(&self, byte: usize) -> u64 {
        let mut word = [0; 8];
        let rest = self.bytes.get(byte..).unwrap_or_default();
        word[..rest.len()].copy_from_slice(rest);
        u64::from_be_bytes(word)
    }

    pub(super) fn skip(&mut self, bits: u32) {
        self.at += bits as usize;
    }

    /// Reads up to 32 bits.
    pub(super) fn read(&mut self, bits: u32) -> u32 {
        // In two steps, as a shift by all 64 would be none.
        let value = (self.peek() >> 1 >> (63 - bits)) as u32;
        self.skip(bits);
        value
    }

    pub(super) fn flag(&mut self) -> bool {
        self.read(1) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_and_zeros_after_them() {
        let mut bits = Bits::new(&[0b1010_0111, 0xFF, 0x00, 0x80], 0);
        assert_eq!((bits.read(3), bits.read(0), bits.read(5), bits.read(9)), (0b101, 0, 0b00111, 0x1FE));
        assert_eq!((bits.read(8), bits.at()), (0x01, 25));
        assert_eq!((bits.read(32), bits.flag()), (0, false));
        assert_eq!(Bits::new(&[1; 12], 1).read(32), 0x0202_0202);
        assert_eq!(Bits::new(&[1; 12], 5_000).peek(), 0);
    }
}
