//! Every reason for which audio is refused: a code, its parameters, and the English sentence that is made of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Defines the reasons, so that code, parameters and sentence of each stand together.
macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } $code:literal $sentence:literal)*) => {
        /// Why audio was refused: [`code`](Self::code) for programs, the fields for other languages, [`fmt::Display`] for people
        /// who read English.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "code")]
        #[non_exhaustive]
        #[expect(missing_docs, reason = "the fields are the words of the sentence above them")]
        pub enum Fault {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\n", $sentence)]
                #[serde(rename = $code)]
                $name { $($field: $type),* },
            )*
        }

        impl Fault {
            /// The name of the reason, which stays when its sentence changes.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$name { .. } => $code,)*
                }
            }
        }

        impl fmt::Display for Fault {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$name { $($field),* } => write!(f, $sentence),)*
                }
            }
        }
    };
}

faults! {
    /// The file has no bytes.
    NoBytes {} "no_bytes"
        "The file is empty: it has no bytes at all. Record or export it again."
    /// A container without a sound track.
    NoSoundTrack {} "no_sound_track"
        "This file has no sound in it (perhaps only pictures). Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// A sound track without a sample.
    NoSamples {} "no_samples"
        "There is no sound in this file, not even silence. Record or export it again."
    /// A stream without a frame that decodes.
    NoFrames { container: String } "no_frames"
        "This {container} file holds no audio. Record or export it again."
    /// A WAV header, and nothing behind it.
    NothingRecorded {} "nothing_recorded"
        "This WAV file has a header but no audio in it: nothing was recorded. Record or export it again."
    /// A WAV header that ends before its sound.
    StopsBeforeSound {} "stops_before_sound"
        "This WAV file stops before its audio begins: nothing was recorded. Record or export it again."

    /// Some other kind of file.
    NotAudio { kind: String } "not_audio"
        "This is {kind}, not audio. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// A kind of audio file that is not read.
    UnreadFormat { format: String } "unread_format"
        "This is {format}, which can't be read here. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// No kind of file is known that begins like this.
    UnknownFormat {} "unknown_format"
        "This is not an audio file of any known kind. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// Headerless audio in a codec that is not read.
    UnreadCodec { codec: String } "unread_codec"
        "By its name this is {codec}, which can't be read here. Have it recorded or converted to WAV or µ-law. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// A codec that is not read, in a container that is.
    UnreadTrack { kind: String } "unread_track"
        "This file holds {kind} audio, which can't be read here. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// A codec that is not read, in WAV.
    UnreadWav { kind: String } "unread_wav"
        "This WAV file holds {kind}, which can't be read here. Export it as 16-bit PCM WAV, or send MP3, M4A, FLAC, Ogg or Opus."
    /// Something of a codec that its decoder does not know.
    UnreadFeature { codec: String, what: String } "unread_feature"
        "The {codec} audio in this file can't be read here ({what}). Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// MP3 whose frames do not tell their length.
    FreeFormat {} "free_format"
        "This MP3 file is in \"free format\", which states no bit rate and can't be read here. Export it again with one, or send a WAV file."
    /// A profile of AAC that is not read.
    UnreadAac {} "unread_aac"
        "This file uses a kind of AAC that can't be read here (surround sound, or another profile than AAC-LC). Export it as AAC-LC in mono or stereo. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// AAC of which half the band is coded otherwise.
    HeAac {} "he_aac"
        "This file uses HE-AAC (AAC+), of which only half the sound could be read. Export it as AAC-LC. Send a WAV, MP3, M4A, FLAC, Ogg or Opus file."
    /// Opus of more than two channels.
    OpusSurround { channels: u8 } "opus_surround"
        "This Opus file has {channels} channels in a surround layout. Send it as mono or stereo."
    /// Linear samples of a size that there is not.
    SampleSize { bits: u16, frame_bytes: u16 } "sample_size"
        "This WAV file uses {bits}-bit samples in {frame_bytes}-byte frames, which no player expects. Send 16-bit PCM WAV."

    /// A rate that no audio has.
    ImpossibleRate { rate_hz: u32 } "impossible_rate"
        "The file claims a sampling rate of {rate_hz} Hz, which is not possible for audio. Export it again."
    /// A number of channels that is not read.
    ImpossibleChannels { channels: u16, most: u16 } "impossible_channels"
        "The file claims {channels} channels; between 1 and {most} are possible. Export it again."
    /// WAV without a format chunk.
    NoFormatChunk {} "no_format_chunk"
        "This WAV file does not say what kind of audio it holds (no format chunk). Export it again."
    /// WAV whose chunks make no sense.
    DamagedWavHeader {} "damaged_wav_header"
        "This WAV file's header is damaged. Export it again."
    /// A compressed format's header in WAV.
    ContradictoryWavHeader { codec: String } "contradictory_wav_header"
        "The {codec} header of this WAV file contradicts itself. Export it again as 16-bit PCM WAV."
    /// MP4 without the box that tells of its tracks.
    NoTrackDescription {} "no_track_description"
        "This M4A or MP4 file was cut off before the part that describes its sound. Export or upload it again."
    /// A container that cannot be opened.
    DamagedStart { what: String } "damaged_start"
        "This looks like {what} but breaks off or contradicts itself at the start. Export it again."
    /// A codec's header that cannot be read.
    DamagedCodec { codec: String } "damaged_codec"
        "The {codec} audio in this file is damaged. Export it again."
    /// An Opus header that cannot be read.
    DamagedOpusStart {} "damaged_opus_start"
        "This Opus file is damaged at its start. Export it again."
    /// Packets longer than there are.
    ImpossiblePackets { codec: String, samples: u64 } "impossible_packets"
        "The header of this {codec} audio claims packets of {samples} samples, which no program writes. Export it again."
    /// A file that ended the process which converted it.
    StoppedConverter { detail: String } "stopped_converter"
        "The file is damaged in a way that stopped the converter ({detail}). Export it again, or send WAV."

    /// More sound than the caller allows.
    TooLong { minutes: f64 } "too_long"
        "The audio is longer than {minutes:.0} minutes, which is the limit here. Send a shorter part of it."
    /// More sound than a file of its size can hold.
    OutOfProportion { bytes: u64, minutes: f64 } "out_of_proportion"
        "The file has {bytes} bytes and claims to hold more than {minutes:.0} minutes of sound, which no recording does. Export it again."
    /// A header that asks for more than is given.
    HeaderAsksTooMuch { what: String } "header_asks_too_much"
        "The file's header asks for too much ({what}). Export it again."
    /// More recordings in one file than are read.
    TooManyStreams { most: u32 } "too_many_streams"
        "This Opus file is joined from more than {most} recordings. Send them in parts."
    /// The limit of memory.
    Memory {} "memory"
        "Converting the file needs more memory than is allowed. Export it again, or send WAV."
    /// The limit of processor time.
    ProcessorTime {} "processor_time"
        "Converting the file took too much processor time and was stopped. Send a shorter or simpler file."
    /// The limit of disk space.
    DiskSpace {} "disk_space"
        "Converting the file would take more disk space than is allowed. Send a shorter file."
    /// The limit of time.
    Deadline { seconds: u64 } "deadline"
        "Converting the file took longer than {seconds} seconds and was stopped. Send a shorter or simpler file."
    /// A decoder or an encoder that got no memory.
    NoCodecMemory { codec: String } "no_codec_memory"
        "No memory for the {codec} codec."
    /// The system gave no threads.
    NoThreads { reason: String } "no_threads"
        "No threads to write the renditions with ({reason})."
    /// More than fits into a WAV file.
    TooLongForWav {} "too_long_for_wav"
        "The audio is too long for one WAV file, which holds 4 GB at most. Ask for a lower rate or Opus."

    /// Another number of files than a rendering takes.
    SourceCount { count: usize } "source_count"
        "A rendering takes one file or the two legs of a call, not {count} files."
    /// Two legs of the same side.
    SameRoles {} "same_roles"
        "Both legs of the call have the same role; one must be the caller's, the other the callee's."
    /// An output through a line that cannot carry it.
    LineRate { line_hz: u32, name: String, rate_hz: u32 } "line_rate"
        "A phone line carries {line_hz} Hz, so \"{name}\" can't be at {rate_hz} Hz."
    /// A brief of no length.
    NoBriefLimit { name: String } "no_brief_limit"
        "\"{name}\" is to be brief, but no length is given."
    /// An output that no track was made for.
    NothingPrepared { name: String } "nothing_prepared"
        "Nothing was prepared for \"{name}\"."
    /// A rate that a format cannot have.
    FormatRate { format: String, only_hz: u32, rate_hz: u32 } "format_rate"
        "{format} audio is always at {only_hz} Hz, not {rate_hz} Hz."
    /// A rate that is none of a format's.
    FormatRates { format: String, possible: String, rate_hz: u32 } "format_rates"
        "{format} is written at {possible} Hz, not {rate_hz} Hz."
    /// A number of channels that a format cannot have.
    FormatChannels { format: String, channels: u16 } "format_channels"
        "{format} audio can't have {channels} channels."
    /// A bit rate too low for a rate.
    BitRate { rate_hz: u32, least_kilobits: u32, kilobits: u32 } "bit_rate"
        "An MP3 at {rate_hz} Hz needs at least {least_kilobits} kilobits per second to hold its own length, not {kilobits}."
    /// Rates between which there is no way.
    NoResampling { from_hz: u32, to_hz: u32, reason: String } "no_resampling"
        "Audio at {from_hz} Hz can't be changed to {to_hz} Hz ({reason})."
    /// The resampler failed.
    ResamplingFailed {} "resampling_failed"
        "The audio's sampling rate could not be changed."
    /// An encoder refused its input.
    EncoderRefused { codec: String, reason: String } "encoder_refused"
        "The {codec} encoder refused its input: {reason}."
    /// A channel for each speaker was expected.
    MissingSpeaker { channels: u16 } "missing_speaker"
        "The file has {channels} channel(s); one for each speaker is needed."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_crosses_to_another_process_with_its_code_and_parameters() {
        let fault = Fault::ImpossibleRate { rate_hz: 5 };
        let json = serde_json::to_value(&fault).unwrap();
        assert_eq!(json, serde_json::json!({ "code": "impossible_rate", "rate_hz": 5 }));
        assert_eq!(serde_json::from_value::<Fault>(json).unwrap(), fault);
        assert_eq!(fault.code(), "impossible_rate");
        assert!(fault.to_string().contains("5 Hz, which is not possible"));
    }
}
