//! Speech to text, text to speech, and the models both need.
