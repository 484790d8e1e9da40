"""Hold music by additive synthesis: a slow progression of pads, a round bass and soft bells, and a cover for it.

It needs nothing but the standard library and a few seconds. The end runs into the beginning: it can be looped.
"""

import array
import cmath
import math
import struct
import wave
import zlib

RATE = 44_100
BEAT = 60 / 72
BAR = 4 * BEAT
BARS = 12
SAMPLES = round(BARS * BAR * RATE)

# A bar each: the notes of the pad, the bass, and the bells at eighth notes (None rests), as MIDI numbers.
C = ((60, 64, 67, 71), 36, (79, None, 76, None, 84, None, 83, None))
AM = ((57, 60, 64, 67), 45, (81, None, 76, None, 79, None, None, None))
F = ((57, 60, 65, 69), 41, (77, None, 81, None, 84, None, 81, None))
G = ((59, 62, 67, 69), 43, (79, None, 74, None, 76, None, None, None))
EM = ((59, 62, 64, 67), 40, (76, None, 79, None, 83, None, 79, None))
DM = ((57, 60, 62, 65), 38, (77, None, 74, None, 81, None, None, None))
SONG = (C, AM, F, G, C, EM, F, G, AM, EM, DM, G)
assert len(SONG) == BARS

# Partials: multiple of the pitch, level, seconds until it has faded to a third (0: it does not).
PAD = ((1, 1.0, 0), (2, 0.35, 0), (3, 0.12, 0), (1.003, 0.6, 0))
BASS = ((1, 1.0, 1.6), (2, 0.45, 0.9), (3, 0.15, 0.5))
BELL = ((1, 1.0, 0.9), (2.0, 0.25, 0.6), (3.01, 0.16, 0.3), (5.4, 0.06, 0.12))


def note(midi, partials, seconds, attack, release):
    """The samples of one note: partials as turning pointers, faded in and out."""
    pitch = 440 * 2 ** ((midi - 69) / 12)
    count = round(seconds * RATE)
    samples = [0.0] * count
    for number, (multiple, level, fade) in enumerate(partials):
        decay = 1 / (fade * RATE) if fade else 0
        step = cmath.exp(complex(-decay, 2 * math.pi * pitch * multiple / RATE))
        pointer = complex(level) * cmath.exp(1j * number)
        for at in range(count):
            samples[at] += pointer.imag
            pointer *= step
    rise, fall = round(attack * RATE), round(release * RATE)
    for at in range(rise):
        samples[at] *= 0.5 - 0.5 * math.cos(math.pi * at / rise)
    for at in range(fall):
        samples[count - 1 - at] *= 0.5 - 0.5 * math.cos(math.pi * at / fall)
    return samples


class Mix:
    """Two channels that a note runs around in: past the end, it is heard at the beginning."""

    def __init__(self):
        self.left = [0.0] * SAMPLES
        self.right = [0.0] * SAMPLES
        self.notes = {}

    def play(self, kind, midi, start, seconds, attack, release, level, pan=0.0):
        key = (id(kind), midi, seconds)
        if key not in self.notes:
            self.notes[key] = note(midi, kind, seconds, attack, release)
        left, right = level * math.cos((pan + 1) * math.pi / 4), level * math.sin((pan + 1) * math.pi / 4)
        at = round(start * RATE)
        for sample in self.notes[key]:
            at = at - SAMPLES if at >= SAMPLES else at
            self.left[at] += left * sample
            self.right[at] += right * sample
            at += 1


def write_music(path):
    mix = Mix()
    for number, (pad, bass, bells) in enumerate(SONG):
        start = number * BAR
        for voice, midi in enumerate(pad):
            mix.play(PAD, midi, start, BAR + 1.2, 0.9, 1.2, 0.05, pan=(-0.6, 0.6, -0.3, 0.3)[voice])
        for beat, level in ((0, 0.24), (2.5, 0.14)):
            mix.play(BASS, bass, start + beat * BEAT, 2.0, 0.02, 0.6, level)
        for eighth, midi in enumerate(bells):
            if midi:
                # Each bell is answered by two echoes, on the other side and back.
                for echo in range(3):
                    side = (1 if eighth % 4 else -1) * (-1) ** echo
                    when = start + (eighth / 2 + echo * 0.75) * BEAT
                    mix.play(BELL, midi, when, 2.5, 0.006, 0.8, 0.13 * 0.4**echo, pan=0.5 * side)
    gain = 10 ** (-1 / 20) * 32767 / max(max(map(abs, mix.left)), max(map(abs, mix.right)))
    frames = array.array("h", (round(gain * s) for pair in zip(mix.left, mix.right) for s in pair))
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, RATE, 0, "NONE", ""))
        file.writeframes(frames.tobytes())


def write_cover(path, size=240):
    """Rings on a lake in the evening."""
    rows = bytearray()
    for y in range(size):
        rows.append(0)
        for x in range(size):
            across, down = x / size - 0.5, y / size - 0.62
            ring = 0.5 + 0.5 * math.cos(math.hypot(across, 2.2 * down) * 60)
            light = ring * max(0.0, 1 - 2.4 * math.hypot(across, down)) if down > -0.17 else 0
            sky = y / size
            red = 34 + 150 * sky * (1 - sky) + 120 * light
            green = 52 + 70 * sky + 90 * light
            blue = 96 + 60 * (1 - sky) + 60 * light
            rows += bytes(min(255, int(part) & ~7) for part in (red, green, blue))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    picture = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + picture)
