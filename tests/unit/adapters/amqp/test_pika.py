"""What the AMQP adapter relies on inside of pika: when a release changes it, this fails before anything else."""

import asyncio
import inspect
import socket

import pika
import pika.connection
import pytest
from pika.adapters import asyncio_connection, base_connection
from pika.adapters.utils import io_services_utils

from adapters.amqp.connection import Connection, Services


def source(thing: object) -> str:
    return inspect.getsource(thing)  # type: ignore[arg-type]  # pika is published without types


def test_there_is_one_place_that_writes_and_it_takes_bytes() -> None:
    assert "self._adapter_emit_data(marshaled_frame)" in source(pika.connection.Connection._output_marshaled_frames)
    assert source(pika.connection).count("_adapter_emit_data(") == 2, "the definition and its one use"
    assert "self._transport.write(data)" in source(base_connection.BaseConnection._adapter_emit_data)


def test_the_transport_is_none_where_nothing_can_be_written() -> None:
    assert "self._transport = transport" in source(base_connection.BaseConnection._proto_connection_made)
    assert "self._transport = None" in source(base_connection.BaseConnection._proto_connection_lost)


def test_reading_begins_and_ends_through_the_services_that_we_give() -> None:
    assert "custom_ioloop, nbio_interface.AbstractIOServices" in source(asyncio_connection.AsyncioConnection.__init__)
    for transport in (io_services_utils._AsyncPlaintextTransport, io_services_utils._AsyncSSLTransport):
        assert "self._nbio.set_reader(" in source(transport)
        assert "add_reader" not in source(transport)


def test_the_writes_of_a_tick_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        written: list[bytes] = []

        class Transport:
            def write(self, data: bytes) -> None:
                written.append(data)

        monkeypatch.setattr(base_connection.BaseConnection, "__init__", lambda *_, **__: None)
        one = Connection(pika.ConnectionParameters(), print, print, print)
        one._transport = Transport()
        for part in (b"a", b"b", b"c"):
            one._adapter_emit_data(part)
        assert written == []
        await asyncio.sleep(0)
        one._adapter_emit_data(b"d")
        one._transport = None  # lost meanwhile: what was to be written is lost with it
        await asyncio.sleep(0)
        assert written == [b"abc"]

    asyncio.run(main())


def test_while_reading_is_paused_nothing_is_read_but_a_sip() -> None:
    async def main() -> None:
        mine, other = socket.socketpair()
        mine.setblocking(False)
        read: list[bytes] = []
        services = Services(asyncio.get_running_loop())
        services.set_reader(mine.fileno(), lambda: read.append(mine.recv(1)))
        services.pause()
        other.send(b"abc")
        await asyncio.sleep(0.05)
        assert read == []
        services.trickle()
        assert read == [b"a"]
        services.set_reader(mine.fileno(), lambda: read.append(mine.recv(2)))
        await asyncio.sleep(0.05)
        assert read == [b"a"], "a reader that is set meanwhile waits too"
        services.resume()
        async with asyncio.timeout(5):
            while len(read) < 2:  # noqa: ASYNC110 - what reads sets no event
                await asyncio.sleep(0.001)
        assert read == [b"a", b"bc"]
        services.remove_reader(mine.fileno())
        mine.close()
        other.close()

    asyncio.run(main())
