"""What the AMQP adapter relies on inside of pika: this fails first when a release changes it."""

import asyncio
import inspect
import socket
import struct
from collections.abc import Coroutine

import uvloop
from pika.adapters import asyncio_connection, base_connection
from pika.adapters.utils import connection_workflow

from adapters.amqp.connection import CHUNK, Services, Stream

SEGMENTS, AT = struct.Struct("I"), 156
"""tcpi_data_segs_out, and where struct tcp_info of linux/tcp.h has it: what was sent, each system call by itself."""


class Protocol:
    """pika's side, which keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[bytes | None] = []

    def connection_made(self, transport: Stream) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(None)

    async def until(self, count: int) -> list[bytes | None]:
        async with asyncio.timeout(5):
            while len(self.told) < count:  # noqa: ASYNC110 - what reads sets no event
                await asyncio.sleep(0.001)
        return self.told


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]  # pika is published without types


def run(main: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


async def connected() -> tuple[Protocol, socket.socket]:
    """A stream that was made as pika has it made, and the broker's end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        mine = socket.create_connection(server.getsockname())
        mine.setblocking(False)
        other, _ = server.accept()
    made: asyncio.Future[tuple[Stream, Protocol] | BaseException] = asyncio.get_running_loop().create_future()
    Services(asyncio.get_running_loop()).create_streaming_connection(Protocol, mine, made.set_result)
    found = await made
    assert not isinstance(found, BaseException)
    stream, protocol = found
    assert protocol.transport is stream
    return protocol, other


def test_streams_are_made_by_the_services_that_we_give() -> None:
    assert "custom_ioloop, nbio_interface.AbstractIOServices" in source(asyncio_connection.AsyncioConnection.__init__)
    assert "self._nbio.create_streaming_connection(" in source(connection_workflow.AMQPConnector)
    assert "self._transport.write(data)" in source(base_connection.BaseConnection._adapter_emit_data)
    assert "self._transport = transport" in source(base_connection.BaseConnection._proto_connection_made)


def test_what_is_written_in_a_tick_is_sent_at_once() -> None:
    async def main() -> None:
        protocol, other = await connected()
        taken = protocol.transport._transport.get_extra_info("socket")
        for _ in range(3):
            for part in (b"a", b"b", b"c"):
                protocol.transport.write(part)
            await asyncio.sleep(0.01)
        info = taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        assert SEGMENTS.unpack_from(info, AT) == (3,)
        assert other.recv(100) == b"abcabcabc"
        protocol.transport.abort()
        assert await protocol.until(1) == [None]
        other.close()
        protocol.transport.write(b"d")
        await asyncio.sleep(0)  # lost meanwhile: what was to be written is lost with it

    run(main())


def test_much_that_comes_at_once_is_given_in_parts_until_the_stream_ends() -> None:
    async def main() -> None:
        protocol, other = await connected()
        protocol.transport.data_received(b"x" * (2 * CHUNK + 1))
        assert [len(part or b"") for part in protocol.told] == [CHUNK, CHUNK, 1]
        other.close()
        assert (await protocol.until(4))[-1] is None
        protocol.transport.data_received(b"y")
        assert len(protocol.told) == 4, "nothing is read of a stream that has ended"
        protocol.transport.pause()
        protocol.transport.resume()

    run(main())


def test_while_reading_is_paused_nothing_is_read_but_a_sip() -> None:
    async def main() -> None:
        protocol, other = await connected()
        protocol.transport.pause()
        other.send(b"abc")
        await asyncio.sleep(0.05)
        assert protocol.told == []
        protocol.transport.sip()
        assert await protocol.until(1) == [b"abc"]
        other.send(b"d")
        await asyncio.sleep(0.05)
        assert protocol.told == [b"abc"], "one sip is one read"
        protocol.transport.resume()
        assert await protocol.until(2) == [b"abc", b"d"]
        other.send(b"e")
        assert await protocol.until(3) == [b"abc", b"d", b"e"]
        protocol.transport.abort()
        await protocol.until(4)
        other.close()

    run(main())
