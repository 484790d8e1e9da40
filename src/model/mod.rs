//! The terms of the product as data and pure rules; no I/O happens here.
