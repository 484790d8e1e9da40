"""A message centre that speaks SMPP 3.4 and misbehaves on demand.

The last digits of a number say how: 88 is throttled the first time, 99 is no number, 77 cannot be sent, 66 gets a report
that it could not be delivered, 55 gets none. Every other number is delivered. Prints its port, then a line for every
event: BIND, SUBMIT with sender, recipient, coding, class, the octets in hex and whether a report is wanted, THROTTLE,
REJECT. Reads lines: `reply FROM TO TEXT` has somebody write to us; `drop` ends every connection.
With --slow, every answer takes a fifth of a second.
Usage: smppd.py [--port PORT] [--slow]
"""

import argparse
import asyncio
import socket
import sys

import smpp34


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def receipt(name, state, error):
    text = f"id:{name} sub:001 dlvrd:001 submit date:2611220000 done date:2611220000 stat:{state} err:{error} text:"
    return text.encode()


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int)
    arguments.add_argument("--slow", action="store_true")
    options = arguments.parse_args()
    port = options.port or free_port()
    server = smpp34.Server(host="127.0.0.1", port=port, system_id="TEST")
    await server.start()
    print(port, flush=True)
    sessions, throttled, tasks, count = {}, set(), set(), 0

    async def commands():
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := (await reader.readline()).decode():
            word, *rest = line.split(maxsplit=3)
            if word == "reply":
                session = list(sessions.values())[-1]
                try:
                    answer = await session.deliver_sm(
                        source_addr=rest[0], destination_addr=rest[1], esm_class=0, short_message=rest[2].strip().encode()
                    )
                    is_taken = not getattr(answer, "command_status", 0)
                except smpp34.SmppError:
                    is_taken = False
                print("REPLIED" if is_taken else "REPLY REFUSED", flush=True)
            elif word == "drop":
                for session in list(sessions.values()):
                    await session.unbind()

    tasks.add(asyncio.create_task(commands()))
    while True:
        event = await server.next()
        if isinstance(event, smpp34.Esme):
            sessions[event.session_id] = event
            print("BIND", event.system_id, flush=True)
        elif isinstance(event, smpp34.SubmitSmEvent):
            to = event.destination_addr
            if to.endswith("88") and to not in throttled:
                throttled.add(to)
                print("THROTTLE", to, flush=True)
                event.reject(smpp34.ESME_RTHROTTLED)
            elif to.endswith("99"):
                print("REJECT", to, flush=True)
                event.reject(smpp34.ESME_RINVDSTADR)
            else:
                count += 1
                name = f"m{count}"
                print(
                    "SUBMIT",
                    event.source_addr,
                    to,
                    event.data_coding,
                    event.esm_class,
                    bytes(event.short_message).hex(),
                    event.registered_delivery,
                    flush=True,
                )
                if options.slow:
                    asyncio.get_running_loop().call_later(0.2, lambda event=event, name=name: event.accept(message_id=name))
                    continue
                event.accept(message_id=name)
                if event.registered_delivery and not to.endswith("55"):
                    state, error = ("UNDELIV", "012") if to.endswith("66") else ("DELIVRD", "000")
                    # Its answer comes when the report is durable; meanwhile others are served.
                    report = sessions[event.session_id].deliver_sm(
                        source_addr=to, destination_addr=event.source_addr, esm_class=4, short_message=receipt(name, state, error)
                    )
                    tasks.add(asyncio.ensure_future(report))
        elif isinstance(event, smpp34.Unbound):
            sessions.pop(event.session_id, None)
            print("GONE", flush=True)


asyncio.run(main())
