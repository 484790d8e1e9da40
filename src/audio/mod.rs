//! Whatever arrives decodes, whatever leaves plays on the phone: decode once, resample, level, limit, encode many.

pub mod format;
