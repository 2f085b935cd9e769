"""Every misbehaviour of Modbus devices in the field, in one process: a port for each, told as `NAME PORT`.

Register n holds 100 + n. What each does is in its function; what becomes of it is in docs/field.md.
"""

import asyncio
import random
import struct

LATE = 0.5
dice = random.Random(20261124)


class Request:
    """A read of holding registers."""

    def __init__(self, head, number, since_answer, since_connect):
        self.transaction, _, _, self.unit, self.function, self.first, self.count = struct.unpack(">HHHBBHH", head)
        self.number = number
        self.since_answer, self.since_connect = since_answer, since_connect

    def words(self, count=None):
        count = self.count if count is None else count
        return struct.pack(f">{count}H", *(100 + self.first + n for n in range(count)))

    def frame(self, pdu, transaction=None, unit=None):
        transaction = self.transaction if transaction is None else transaction
        unit = self.unit if unit is None else unit
        return struct.pack(">HHHB", transaction & 0xFFFF, 0, len(pdu) + 1, unit) + pdu

    def right(self, count=None):
        words = self.words(count)
        return self.frame(bytes([self.function, len(words)]) + words)

    def lie(self, **wrong):
        """An answer of other values, which nobody may ever take."""
        data = struct.pack(f">{self.count}H", *[9999] * self.count)
        return self.frame(bytes([self.function, len(data)]) + data, **wrong)

    def refusal(self, code):
        return self.frame(bytes([self.function | 0x80, code]))


async def late(request, write):
    if request.number % 4 == 3:
        await asyncio.sleep(LATE)
    await write(request.right())


async def wrong_transaction(request, write):
    await write(request.lie(transaction=request.transaction - 7))
    await write(request.right())


async def wrong_unit(request, write):
    await write(request.lie(unit=request.unit + 1))
    await write(request.right())


async def fragmented(request, write):
    for byte in request.right():
        await write(bytes([byte]))
        await asyncio.sleep(0.001)


async def glued(request, write):
    await write(request.lie(transaction=request.transaction - 1) + request.right())


async def closes(request, write):
    await write(request.right())
    return "close"


async def silent(request, write):
    pass


async def busy(request, write):
    await write(request.refusal(6) if request.number % 2 else request.right())


async def acknowledges(request, write):
    await write(request.refusal(5) if request.number % 2 else request.right())


async def no_path(request, write):
    await write(request.refusal(0x0A))


async def no_target(request, write):
    await write(request.refusal(0x0B))


async def short(request, write):
    words = request.words()[:-2]
    await write(request.frame(bytes([request.function, len(words)]) + words))


async def long(request, write):
    words = request.words(request.count + 3)
    await write(request.frame(bytes([request.function, len(words)]) + words))


async def garbage(request, write):
    await write(dice.randbytes(40))


async def needs_a_pause(request, write):
    if request.since_answer > 0.03:
        await write(request.right())


async def needs_a_rest(request, write):
    if request.since_connect > 0.1:
        await write(request.right())


async def holes(request, write):
    is_hole = request.first <= 2 < request.first + request.count
    await write(request.refusal(2) if is_hole else request.right())


async def small(request, write):
    await write(request.refusal(3) if request.count > 2 else request.right())


async def single(request, write):
    await write(request.right())


ANIMALS = [
    late, wrong_transaction, wrong_unit, fragmented, glued, closes, silent, busy, acknowledges, no_path, no_target,
    short, long, garbage, needs_a_pause, needs_a_rest, holes, small, single,
]


class Cage:
    """One server: what it has been asked on all its connections."""

    def __init__(self, animal):
        self.animal = animal
        self.number = 0
        self.open = 0
        self.answered_at = 0.0

    async def serve(self, reader, writer):
        self.open += 1
        if self.open > 1:
            print(f"{self.animal.__name__} has two connections", flush=True)
        clock = asyncio.get_running_loop().time
        connected_at = clock()

        async def write(data):
            writer.write(data)
            await writer.drain()
            self.answered_at = clock()

        try:
            while True:
                head = await reader.readexactly(12)
                now = clock()
                request = Request(head, self.number, now - self.answered_at, now - connected_at)
                self.number += 1
                if await self.animal(request, write) == "close":
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def main():
    servers = []
    for animal in ANIMALS:
        server = await asyncio.start_server(Cage(animal).serve, "127.0.0.1", 0)
        servers.append(server)
        print(animal.__name__, server.sockets[0].getsockname()[1], flush=True)
    print("open", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
