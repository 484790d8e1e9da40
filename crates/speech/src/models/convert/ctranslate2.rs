//! Reads CTranslate2's binary weights: a header, then variable after variable, each with its name, shape and bytes.

use std::{
    collections::HashMap,
    io::{Read, Seek, SeekFrom},
};

use half::f16;

use crate::SpeechError;

const BINARY_VERSION: u32 = 6;
const TYPE_INT16: u8 = 2;
const TYPE_FLOAT16: u8 = 4;

/// More dimensions than any tensor of whisper has.
const MAX_DIMENSIONS: u8 = 4;

struct Variable {
    dimensions: Vec<usize>,
    element_type: u8,
    offset: u64,
}

/// The variables of one file, read on demand.
pub(super) struct Weights<R> {
    reader: R,
    variables: HashMap<String, Variable>,
}

impl<R: Read + Seek> Weights<R> {
    /// Reads the names and shapes, skipping over the values.
    pub(super) fn open(mut reader: R) -> Result<Self, SpeechError> {
        let length = reader.seek(SeekFrom::End(0)).map_err(reading)?;
        reader.rewind().map_err(reading)?;
        let mut weights = Self { reader, variables: HashMap::new() };
        let version = weights.read_u32()?;
        let specification = weights.read_string()?;
        if version != BINARY_VERSION || specification != "WhisperSpec" {
            return Err(malformed(format!(
                "a {specification:?} of version {version}, not a WhisperSpec of version {BINARY_VERSION}"
            )));
        }
        let _revision = weights.read_u32()?;
        for _ in 0..weights.read_u32()? {
            weights.index_variable(length)?;
        }
        Ok(weights)
    }

    fn index_variable(&mut self, length: u64) -> Result<(), SpeechError> {
        let name = self.read_string()?;
        let [rank] = self.read_array()?;
        if rank > MAX_DIMENSIONS {
            return Err(malformed(format!("{name} has {rank} dimensions")));
        }
        let dimensions =
            (0..rank).map(|_| self.read_u32().map(|value| value as usize)).collect::<Result<Vec<_>, _>>()?;
        let [element_type] = self.read_array()?;
        let bytes = u64::from(self.read_u32()?);
        let offset = self.reader.stream_position().map_err(reading)?;
        if offset + bytes > length {
            return Err(malformed(format!("{name} reaches beyond the end")));
        }
        let elements = dimensions.iter().try_fold(2u64, |product, &dimension| product.checked_mul(dimension as u64));
        if matches!(element_type, TYPE_INT16 | TYPE_FLOAT16) && elements != Some(bytes) {
            return Err(malformed(format!("{name} has {bytes} bytes for the shape {dimensions:?}")));
        }
        self.reader.seek(SeekFrom::Start(offset + bytes)).map_err(reading)?;
        let variable = Variable { dimensions, element_type, offset };
        self.variables.insert(name, variable);
        Ok(())
    }

    /// The shape of a variable.
    pub(super) fn dimensions(&self, name: &str) -> Result<&[usize], SpeechError> {
        self.variable(name).map(|variable| variable.dimensions.as_slice())
    }

    pub(super) fn contains(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// The one value of an integer variable.
    pub(super) fn read_scalar(&mut self, name: &str) -> Result<usize, SpeechError> {
        let variable = self.variable(name)?;
        if variable.element_type != TYPE_INT16 || !variable.dimensions.is_empty() {
            return Err(malformed(format!("{name} is not one 16-bit integer")));
        }
        let offset = variable.offset;
        self.reader.seek(SeekFrom::Start(offset)).map_err(reading)?;
        let bytes = self.read_array()?;
        Ok(usize::from(u16::from_le_bytes(bytes)))
    }

    /// `count` values of a half-precision variable, from the `first` on.
    pub(super) fn read_f16(&mut self, name: &str, first: usize, count: usize) -> Result<Vec<f16>, SpeechError> {
        let variable = self.variable(name)?;
        let elements: usize = variable.dimensions.iter().product();
        if variable.element_type != TYPE_FLOAT16 || first + count > elements {
            return Err(malformed(format!("{name} has no half-precision values {first} to {}", first + count)));
        }
        let offset = variable.offset + 2 * first as u64;
        self.reader.seek(SeekFrom::Start(offset)).map_err(reading)?;
        let mut bytes = vec![0; 2 * count];
        self.reader.read_exact(&mut bytes).map_err(reading)?;
        let pairs = bytes.as_chunks().0;
        Ok(pairs.iter().map(|&pair| f16::from_le_bytes(pair)).collect())
    }

    fn variable(&self, name: &str) -> Result<&Variable, SpeechError> {
        self.variables.get(name).ok_or_else(|| malformed(format!("{name} is missing")))
    }

    fn read_array<const N: usize>(&mut self) -> Result<[u8; N], SpeechError> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(reading)?;
        Ok(bytes)
    }

    fn read_u32(&mut self) -> Result<u32, SpeechError> {
        self.read_array().map(u32::from_le_bytes)
    }

    /// A string with its 16-bit length before it and a NUL at its end.
    fn read_string(&mut self) -> Result<String, SpeechError> {
        let length = u16::from_le_bytes(self.read_array()?);
        let mut bytes = vec![0; usize::from(length)];
        self.reader.read_exact(&mut bytes).map_err(reading)?;
        let text = String::from_utf8(bytes).map_err(|_| malformed("a name is not UTF-8"))?;
        Ok(text.trim_end_matches('\0').to_owned())
    }
}

fn reading(error: std::io::Error) -> SpeechError {
    SpeechError::io("reading the CTranslate2 weights")(error)
}

fn malformed(problem: impl std::fmt::Display) -> SpeechError {
    SpeechError::Malformed(format!("the CTranslate2 weights: {problem}"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn string(text: &str) -> Vec<u8> {
        let mut bytes = ((text.len() + 1) as u16).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        bytes
    }

    fn file(variables: &[(&str, &[u32], u8, &[u8])]) -> Vec<u8> {
        let mut bytes = BINARY_VERSION.to_le_bytes().to_vec();
        bytes.extend(string("WhisperSpec"));
        bytes.extend(3u32.to_le_bytes());
        bytes.extend((variables.len() as u32).to_le_bytes());
        for (name, dimensions, element_type, data) in variables {
            bytes.extend(string(name));
            bytes.push(dimensions.len() as u8);
            bytes.extend(dimensions.iter().flat_map(|dimension| dimension.to_le_bytes()));
            bytes.push(*element_type);
            bytes.extend((data.len() as u32).to_le_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    #[test]
    fn values_are_read_from_anywhere_in_a_variable() {
        let values: Vec<u8> =
            [1.0, 2.0, 3.0, 4.0].iter().flat_map(|&value| f16::from_f32(value).to_le_bytes()).collect();
        let bytes = file(&[("heads", &[], TYPE_INT16, &[6, 0]), ("w", &[2, 2], TYPE_FLOAT16, &values)]);
        let mut weights = Weights::open(Cursor::new(bytes)).unwrap();
        assert_eq!(weights.read_scalar("heads").unwrap(), 6);
        assert_eq!(weights.dimensions("w").unwrap(), [2, 2]);
        assert_eq!(weights.read_f16("w", 2, 2).unwrap(), [f16::from_f32(3.0), f16::from_f32(4.0)]);
        assert!(weights.read_f16("w", 3, 2).is_err());
        assert!(weights.read_f16("absent", 0, 1).is_err());
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_and_never_a_panic() {
        let bytes = file(&[("w", &[2], TYPE_FLOAT16, &[0; 4])]);
        for length in 0..bytes.len() {
            assert!(Weights::open(Cursor::new(&bytes[..length])).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_shape_that_contradicts_its_bytes_is_refused() {
        let bytes = file(&[("w", &[u32::MAX, u32::MAX, u32::MAX], TYPE_FLOAT16, &[0; 4])]);
        assert!(Weights::open(Cursor::new(bytes)).is_err());
    }
}
