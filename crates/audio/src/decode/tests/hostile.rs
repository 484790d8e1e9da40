//! Files that nobody recorded: each once made a decoder of ours do what it must not.

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)).unwrap()
}

fn position(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|window| window == pattern).unwrap()
}

/// A mono WAV at 8 kHz.
fn wav(tag: u16, block_bytes: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    bytes.extend([tag, 1].map(u16::to_le_bytes).as_flattened());
    bytes.extend([8_000, 16_000].map(u32::to_le_bytes).as_flattened());
    bytes.extend([block_bytes, bits].map(u16::to_le_bytes).as_flattened());
    bytes.extend(b"data");
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn samples_of_thousands_of_bytes_are_not_taken_for_two() {
    // 8,194 × 8 bits are 16 bits in a number of 16 bits; the bits of a sample decide, whatever the block says.
    for block_bytes in [8_194, u16::MAX] {
        assert_eq!(frames_and_cut(&wav(1, block_bytes, 16, &[0; 400]), None).0, 200);
    }
    let error = refusal(&wav(1, 0, u16::MAX, &[0; 400]), None);
    assert!(matches!(&error, AudioError::Unsupported(fault) if fault.to_string().contains("no player")), "{error}");
}

#[test]
fn a_large_block_that_does_not_decode_is_not_the_end() {
    const BLOCK: usize = 32_768;
    let mut data = vec![0; 3 * BLOCK];
    let good = frames_and_cut(&wav(2, BLOCK as u16, 4, &data), None).0;
    data[0] = 7; // There are predictors 0 to 6.
    data[BLOCK] = 7;
    assert_eq!(frames_and_cut(&wav(2, BLOCK as u16, 4, &data), None), (good / 3, false));
}

#[test]
fn packets_of_billions_of_samples_are_refused_before_there_is_room_for_them() {
    let mut caf = fixture("pcm-f32.caf");
    let frames_per_packet = position(&caf, b"desc") + 32;
    assert_eq!(caf[frames_per_packet..frames_per_packet + 4], [0, 0, 0, 1]);
    caf[frames_per_packet..frames_per_packet + 4].copy_from_slice(&0xFFF8_0001_u32.to_be_bytes());
    let error = refusal(&caf, None);
    assert!(
        matches!(&error, AudioError::Malformed(fault) if fault.to_string().contains("4294443009 samples")),
        "{error}"
    );
}

#[test]
fn what_is_not_a_number_stays_in_the_file() {
    let mut caf = fixture("pcm-f32.caf");
    let start = position(&caf, b"data") + 16;
    let hostile = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
    caf[start..start + 20].copy_from_slice(hostile.map(f32::to_be_bytes).as_flattened());
    let mut wav = fixture("pcm-f32.wav");
    let start = position(&wav, b"data") + 8;
    wav[start..start + 20].copy_from_slice(hostile.map(f32::to_le_bytes).as_flattened());
    for bytes in [caf, wav] {
        let samples = samples(&bytes);
        assert_eq!(samples[..3], [0.0; 3]);
        assert!(samples.iter().all(|sample| (sample * sample).is_finite()));
        assert!(samples[5..].iter().any(|sample| *sample != 0.0));
    }
}

#[test]
fn boxes_without_end_are_not_looked_through() {
    let mut mp4 = fixture("aac.m4a");
    let movie = mp4.split_off(position(&mp4, b"moov") - 4);
    let free = b"\0\0\0\x08free".repeat(20_000);
    let error = refusal(&[mp4, free, movie].concat(), None);
    assert!(
        matches!(&error, AudioError::Malformed(fault) if fault.to_string().contains("describes its sound")),
        "{error}"
    );
}

/// An Ogg Opus file of the packets of each stream, every packet on a page of its own.
fn ogg(streams: &[&[Vec<u8>]]) -> Vec<u8> {
    let mut writer = ogg::PacketWriter::new(Vec::new());
    for (serial, packets) in streams.iter().enumerate() {
        for (index, packet) in packets.iter().enumerate() {
            let end = if index + 1 == packets.len() {
                ogg::PacketWriteEndInfo::EndStream
            } else {
                ogg::PacketWriteEndInfo::EndPage
            };
            writer.write_packet(packet.clone(), serial as u32, end, index as u64 * 48_000).unwrap();
        }
    }
    writer.into_inner()
}

/// The two headers and the first packets of a tone.
fn opus_packets() -> Vec<Vec<u8>> {
    let mut reader = ogg::PacketReader::new(std::io::Cursor::new(encoded(OutputFormat::Opus, 16_000)));
    std::iter::from_fn(|| reader.read_packet().unwrap()).map(|packet| packet.data).take(12).collect()
}

#[test]
fn empty_opus_packets_are_no_sound() {
    let packets = opus_packets();
    let plain = frames_and_cut(&ogg(&[&packets]), None);
    let mut padded = packets.clone();
    padded.splice(4..4, std::iter::repeat_n(Vec::new(), 500));
    assert_eq!(frames_and_cut(&ogg(&[&padded]), None), plain);
    assert!(plain.0 > 5_000);
}

#[test]
fn an_opus_packet_without_end_is_not_gathered() {
    let packets = opus_packets();
    let mut endless = packets.clone();
    endless.insert(6, vec![0; 4 << 20]);
    let (frames, cut) = frames_and_cut(&ogg(&[&endless]), None);
    assert!(cut && (1..frames_and_cut(&ogg(&[&packets]), None).0).contains(&frames), "{frames} frames, cut: {cut}");
}

#[test]
fn so_many_opus_streams_are_refused() {
    let packets = opus_packets();
    let file = file(&ogg(&vec![&packets[..3]; 1_100]));
    let mut opened = open(file.path(), None).unwrap();
    let mut block = AudioBlock::default();
    let error = loop {
        match opened.source.next_block(&mut block) {
            Ok(more) => assert!(more, "all streams were read"),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, AudioError::Limit(fault) if fault.to_string().contains("1000")), "{error}");
}

#[test]
fn packets_without_sound_come_to_an_end() {
    let webm = fixture("opus.webm");
    let intact = frames_and_cut(&webm, None);
    assert!(!intact.1);
    // A cluster and a segment of unknown size, so that the empty blocks are part of them.
    let mut hostile = webm.clone();
    let segment = position(&hostile, b"\x18\x53\x80\x67");
    hostile[segment + 4..segment + 12].copy_from_slice(b"\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    // The index behind the sound; it is also named near the start.
    let index = hostile.windows(4).rposition(|id| id == b"\x1C\x53\xBB\x6B").unwrap();
    hostile.truncate(index);
    hostile.extend(b"\x1F\x43\xB6\x75\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xE7\x81\0");
    // The first block of sound once more, behind so many of nothing.
    let block = position(&webm, b"\xA3\xC8\x81\0\0\x80");
    let block = &webm[block..block + 2 + 0x48];
    let behind = |silent: usize| [&hostile[..], &b"\xA3\x84\x81\0\0\0".repeat(silent), block].concat();
    let (frames, _) = frames_and_cut(&behind(1_000), None);
    assert!(frames > intact.0, "{frames} frames");
    // What lies behind is not heard; nor is the padding taken off that only an end which was reached announces.
    let (frames, cut) = frames_and_cut(&behind(100_000), None);
    assert!(cut && (intact.0..intact.0 + 960).contains(&frames), "{frames} frames, cut: {cut}");
}
