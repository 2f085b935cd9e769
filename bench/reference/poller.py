"""A minimal poller, the reference for processor time: reads, decodes and writes, and does nothing else that a gateway has to do.

No reconnecting, no retry, no disk: what is not taken by the database is lost.
"""

import asyncio
import gzip
import struct
import sys
import time

FARM, DATABASE, LINES, INTERVAL = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
REQUEST = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, 100)
FIELDS = ",".join([f"u{n}=%d" for n in range(50)] + [f"f{n}=%r" for n in range(25)])
lines = []


async def poll(line):
    reader, writer = await asyncio.open_connection(f"127.1.{line // 250}.{line % 250 + 1}", FARM)
    due = time.monotonic() + INTERVAL * line / LINES
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        writer.write(REQUEST)
        answer = await reader.readexactly(209)
        lines.append(f"power,device=dev-{line} {FIELDS % struct.unpack('>50H25f', answer[9:])} {time.time_ns()}")
        due += INTERVAL


async def deliver():
    reader, writer = await asyncio.open_connection("127.0.0.1", DATABASE)
    while True:
        await asyncio.sleep(1)
        body = gzip.compress("\n".join(lines).encode(), 1)
        lines.clear()
        head = "POST /api/v2/write?bucket=b HTTP/1.1\r\nHost: db\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
        writer.write((head % len(body)).encode() + body)
        await reader.readuntil(b"\r\n\r\n")


async def main():
    await asyncio.gather(deliver(), *(poll(line) for line in range(LINES)))


asyncio.run(main())
