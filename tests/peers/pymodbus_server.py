"""A Modbus TCP server on pymodbus with known values, for a driver that its authors never saw.

Usage: pymodbus_server.py PORT. Units 1 and 2 answer; every register is written below as the bytes on the wire.
"""

import asyncio
import struct
import sys

from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartAsyncTcpServer


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]


def cdab(data: bytes) -> bytes:
    return data[2:4] + data[0:2]


def badc(data: bytes) -> bytes:
    return bytes((data[1], data[0], data[3], data[2]))


def holding(unit: int) -> list[int]:
    return words(
        struct.pack(">H", 1234 * unit)  # 0: u16
        + struct.pack(">h", -5)  # 1: i16
        + struct.pack(">f", 21.5)  # 2: f32 ABCD
        + cdab(struct.pack(">f", -0.125))  # 4: f32 CDAB
        + badc(struct.pack(">I", 3_000_000_000))  # 6: u32 BADC
        + struct.pack("<i", -123_456)  # 8: i32 DCBA, all bytes reversed
        + bytes(20)  # 10-19: nothing
        + struct.pack(">f", 1.0e-3)  # 20: f32 ABCD, behind a gap
        + struct.pack(">H", 0xFFFF)  # 22: a value that its profile calls missing
        + struct.pack(">H", 900)  # 23: a value outside its range
    )


def context(unit: int) -> ModbusDeviceContext:
    # A block that begins at 1 is what pymodbus serves as address 0 on the wire.
    return ModbusDeviceContext(
        co=ModbusSequentialDataBlock(1, [True, False, False, True]),
        di=ModbusSequentialDataBlock(1, [False, False, True]),
        ir=ModbusSequentialDataBlock(1, [500 + unit] + [0] * 9 + [65535]),
        hr=ModbusSequentialDataBlock(1, holding(unit)),
    )


async def main(port: int) -> None:
    devices = {unit: context(unit) for unit in (1, 2)}
    await StartAsyncTcpServer(ModbusServerContext(devices=devices, single=False), address=("127.0.0.1", port))


asyncio.run(main(int(sys.argv[1])))
