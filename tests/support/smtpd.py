"""An SMTP server that misbehaves on demand.

The local part of a recipient's address says how. Prints its port, then one line for every mail it has read to the end:
number of the connection, local part, Message-ID, media types, defects, bytes, their SHA-256.
A local part that ends in -once misbehaves once; what stands after a + is left away. With --kill, it reads lines `kill PID`,
kills that process as soon as it has said 250 to a mail that it sees for the first time, and prints KILLED; `spare` ends it.
With --pipelining, it takes envelopes as a whole; with --wrapped, TLS is there from the first byte.
With --size, it says so and takes no more; with --late-size, it takes no more and does not say so; with --utf8, it takes addresses outside ASCII.
Usage: smtpd.py [--login] [--kill] [--pipelining] [--size BYTES] [--late-size BYTES] [--utf8] [--tls CERTIFICATE KEY [--wrapped]]
"""

import argparse
import asyncio
import email
import email.policy
import hashlib
import itertools
import os
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

REPLIES_TO_RCPT = {
    "later": "450 4.2.1 mailbox busy",
    "closing": "421 4.3.2 shutting down",
    "unknown": "550 5.1.1 <unknown@example.com>: no such user",
    "latin1-unknown": b"550 5.1.1 Empf\xe4nger unbekannt",
    "login": "530 5.7.0 authentication required",
}
REPLIES_TO_DATA = {
    "data-later": "451 4.3.0 try later",
    "spam": "554 5.7.1 spam",
    "large": "552 5.3.4 too large",
    "full": "552 5.2.2 mailbox full",
    "latin1": b"250 2.0.0 f\xfcr Zustellung angenommen",
    "latin1-spam": b"554 5.7.1 unerw\xfcnscht",
    "long": "250 2.0.0 " + "x" * 3000,
}


done_once, victims, seen, pipelining, late_size = set(), [], set(), False, None


def manner(address):
    how = address.split("@")[0].split("+")[0]
    if not how.endswith("-once"):
        return how
    if how in done_once:
        return "ok"
    done_once.add(how)
    return how.removesuffix("-once")


def kill_after(name):
    """Kills whom we are told to, once what was said is on its way."""
    if victims and name not in seen:
        seen.add(name)
        os.kill(victims.pop(), signal.SIGKILL)
        print("KILLED", flush=True)


class Handler:
    def __init__(self, connection):
        self.connection = connection

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return responses[:1] + ["250-PIPELINING"] * pipelining + responses[1:]

    async def handle_RCPT(self, server, session, envelope, address, options):
        how = manner(address)
        if how in REPLIES_TO_RCPT:
            return REPLIES_TO_RCPT[how]
        if how == "vanish-early":
            server.transport.abort()
            return "250 never seen"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        how = envelope.rcpt_tos[0].split("@")[0].split("+")[0]
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = ",".join(part.get_content_type() for part in mail.walk())
        defects = sum(len(part.defects) for part in mail.walk())
        digest = hashlib.sha256(envelope.content).hexdigest()
        print(self.connection, how, mail["Message-ID"], parts, defects, len(envelope.content), digest, flush=True)
        if how == "vanish":
            server.transport.abort()
            return "250 never seen"
        if how == "slow":
            await asyncio.sleep(30)
        if how == "kill":
            asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_soon(kill_after, mail["Message-ID"]))
        if how == "hang-up":
            asyncio.get_running_loop().call_later(0.05, server.transport.abort)
        if late_size and len(envelope.content) > late_size:
            return "552 5.3.4 message too big"
        return REPLIES_TO_DATA.get(how, "250 2.0.0 queued")


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"right")
    return AuthResult(success=right, handled=right)


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--login", action="store_true")
    arguments.add_argument("--kill", action="store_true")
    arguments.add_argument("--pipelining", action="store_true")
    arguments.add_argument("--size", type=int, default=33554432)
    arguments.add_argument("--late-size", type=int)
    arguments.add_argument("--utf8", action="store_true")
    arguments.add_argument("--tls", nargs=2)
    arguments.add_argument("--wrapped", action="store_true")
    options = arguments.parse_args()
    global pipelining, late_size
    pipelining, late_size = options.pipelining, options.late_size
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.tls)

    connections = itertools.count(1)

    def session():
        return SMTP(
            Handler(next(connections)),
            data_size_limit=options.size,
            enable_SMTPUTF8=options.utf8,
            tls_context=None if options.wrapped else tls,
            require_starttls=bool(tls) and not options.wrapped,
            auth_required=options.login,
            auth_require_tls=bool(tls) and not options.wrapped,
            authenticator=authenticate,
        )

    async def commands():
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode():
            victims[:] = [int(pid) for pid in line.split()[1:]]

    if options.kill:
        listening = asyncio.create_task(commands())
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls if options.wrapped else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
