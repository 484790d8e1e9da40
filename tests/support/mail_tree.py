"""Reads a mail from stdin as Python's own email package does, and prints what it is made of, a line of JSON each.

First its headers as people see them, then every part: how deep it lies, its media type, character set, transfer encoding,
disposition and file name as decoded, and its text, or what kind of sound it holds.
"""

import email
import email.policy
import io
import json
import sys
import wave


def sound(data):
    with wave.open(io.BytesIO(data)) as audio:
        return {
            "channels": audio.getnchannels(),
            "bits": audio.getsampwidth() * 8,
            "rate": audio.getframerate(),
            "ms": audio.getnframes() * 1000 // audio.getframerate(),
        }


def parts(part, depth):
    kind = part.get_content_type()
    seen = {"depth": depth, "type": kind, "defects": len(part.defects), "disposition": part.get_content_disposition()}
    if not part.is_multipart():
        seen |= {"charset": part.get_content_charset(), "encoding": part["Content-Transfer-Encoding"]}
        seen |= {"name": part.get_filename(), "id": part["Content-ID"]}
        content = part.get_content()
        seen |= {"text": content} if kind.startswith("text/") else {"sound": sound(content)}
    yield seen
    for inner in part.iter_parts() if part.is_multipart() else []:
        yield from parts(inner, depth + 1)


data = sys.stdin.buffer.read()
mail = email.message_from_bytes(data, policy=email.policy.SMTP)
print(json.dumps({name: str(value) for name, value in mail.items()}))
for part in parts(mail, 0):
    print(json.dumps(part))
# Nothing of it that a careful server would refuse: bare line feeds, long lines, bytes of more than seven bits.
lines = data.split(b"\r\n")
print(json.dumps({"bare": any(b"\n" in line or b"\r" in line for line in lines), "longest": max(map(len, lines)), "ascii": data.isascii()}))
