"""The relay against legacy servers with every oddity that is known."""

import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from adapters.soap.relay import HttpRequest, Relay
from gateway.contract import Call, Codec, IncumbentTimeout, IncumbentUnreachable, Raw
from tests.integration.wire import (
    Behaviour,
    Legacy,
    answering,
    body_of,
    certificates,
    head_of,
    header,
    legacy_server,
    ok,
    once,
    silent,
    until,
)

NO_CODEC = cast(Codec, None)
"""The relay decodes nothing."""

Case = Callable[[Legacy, Relay], Coroutine[Any, Any, None]]


def run(behave: Behaviour, case: Case, query: str = "", **options: Any) -> None:
    """Runs a case with a relay to a legacy server in uvloop, as a worker has it."""

    async def main() -> None:
        async with legacy_server(behave) as legacy:
            relay = Relay(legacy.url + query, **options)
            try:
                await case(legacy, relay)
            finally:
                await relay.close()
            await until(lambda: legacy.open == 0)  # no connection is left behind, whatever happened

    uvloop.run(main())


def request(
    body: bytes = b"<ask/>", *more: tuple[bytes, bytes], method: bytes = b"POST", below: bytes = b"", query: bytes = b""
) -> HttpRequest:
    headers = [(b"content-type", b"text/xml"), *more]
    return HttpRequest(body, "text/xml", 0, headers, method=method, below=below, query=query)


async def call(relay: Relay, raw: Raw, timeout: float = 5.0) -> Raw:
    return await relay.call(Call("loans", "Score", raw, NO_CODEC, timeout=10.0), timeout)


async def collect(raw: Raw) -> bytes:
    """All of an answer's body."""
    parts = [raw.body]
    if raw.rest is not None:
        parts += [part async for part in raw.rest]
    return b"".join(parts)


def test_what_is_sent_is_what_came_with_its_headers_in_order_and_nothing_added() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        headers = [
            (b"host", b"gateway.example"), (b"soapaction", b'"urn:Score"'), (b"x-two", b"1"), (b"x-two", b"2"),
            (b"cookie", b"JSESSIONID=mine"), (b"x-name", b"caf\xe9 \xc3\xa9"), (b"content-length", b"99"),
            (b"expect", b"100-continue"), (b"connection", b"keep-alive, X-Private"), (b"x-private", b"a"),
            (b"transfer-encoding", b"chunked"), (b"te", b"trailers"),
        ]  # fmt: skip
        await call(relay, HttpRequest(b" <ask/> \r\n", "text/xml", 0, headers))
        [(head, body)] = legacy.requests
        assert body == b" <ask/> \r\n"
        assert head == (
            b"POST /loans HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % legacy.port
            + b'SOAPAction: "urn:Score"\r\nX-Two: 1\r\nX-Two: 2\r\nCookie: JSESSIONID=mine\r\n'
            + b"X-Name: caf\xe9 \xc3\xa9\r\nContent-Length: 10\r\n\r\n"
        )

    run(answering(ok(b"")), case)


def test_what_comes_back_is_what_was_answered() -> None:
    answer = (
        b"HTTP/1.1 503 Come back\r\nRetry-After: 7\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nServer: Old/1.0\r\n"
        b"X-Empty:\r\nX-Name: caf\xe9\r\nConnection: Keep-Alive, X-Private\r\nX-Private: a\r\nKeep-Alive: timeout=9\r\n"
        b"Content-Type: text/html\r\nContent-Length: 12\r\n\r\n<html>\r\n  \r\n"
    )

    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await call(relay, request())
        assert (raw.status, raw.media, raw.body, raw.rest) == (503, "text/html", b"<html>\r\n  \r\n", None)
        assert raw.headers == [
            (b"Retry-After", b"7"), (b"Set-Cookie", b"a=1; Path=/"), (b"Set-Cookie", b"b=2"), (b"Server", b"Old/1.0"),
            (b"X-Empty", b""), (b"X-Name", b"caf\xe9"), (b"Content-Type", b"text/html"),
        ]  # fmt: skip

    run(answering(answer), case)


def test_a_cookie_of_one_caller_is_not_sent_with_the_next_ones_request() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        for _ in range(2):
            await call(relay, request())
        assert legacy.connections == 1
        assert header(legacy.requests[1][0], "cookie") == []

    run(answering(ok(b"<a/>", "Set-Cookie: JSESSIONID=1")), case)


def test_a_compressed_body_stays_as_it_is() -> None:
    packed = gzip.compress(b"<answer/>" * 100)

    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await call(relay, request())
        assert raw.body == packed
        assert (b"Content-Encoding", b"gzip") in raw.headers
        assert header(legacy.requests[0][0], "accept-encoding") == []

    run(answering(ok(packed, "Content-Encoding: gzip")), case)


def test_a_redirect_is_answered_and_not_followed() -> None:
    redirect = b"HTTP/1.1 307 Elsewhere\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"

    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await call(relay, request())
        assert (raw.status, raw.headers) == (307, [(b"Location", b"/other")])
        assert len(legacy.requests) == 1

    run(answering(redirect), case)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<a/\r\n1 \r\n>\r\n0\r\nT:1\r\n\r\n", 200, b"<a/>"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.0 200 OK\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 200\r\nContent-Length: 4\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 200 OK\nContent-Length: 4\n\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\nContent-Length: 4\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 200 OK\r\nX-Odd: a\x01b\r\nContent-Length: 4\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>", 200, b"<a/>"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b""),
        (b"HTTP/1.1 204 Nothing\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>garbage", 200, b"<a/>"),
    ],
    ids=[
        "chunked", "1.0", "1.0 without length", "until close", "no phrase", "bare line feeds", "folded header",
        "control character", "100 first", "202 empty", "204", "more than its length",
    ],
)  # fmt: skip
def test_odd_answers_are_understood(answer: bytes, status: int, body: bytes) -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        for number in range(2):
            raw = await call(relay, request())
            assert (raw.status, raw.body, raw.rest) == (status, body, None)
            assert not any(control in value for _, value in raw.headers for control in (b"\r", b"\n", b"\x01"))
            await until(lambda: legacy.open == 0)
            assert len(legacy.requests) == number + 1

    run(once(answer), case)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a/>", b"220 smtp.example\r\n"])
@pytest.mark.parametrize("abort", [False, True])
def test_an_answer_that_breaks_off_is_an_error_and_the_call_is_not_sent_again(answer: bytes, abort: bool) -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        with pytest.raises(IncumbentUnreachable, match=rf"127\.0\.0\.1:{legacy.port} "):
            await call(relay, request())
        await until(lambda: legacy.open == 0)
        assert (legacy.connections, len(legacy.requests)) == (1, 1)

    run(once(answer, abort=abort), case)


def test_a_kept_connection_that_legacy_closes_as_the_call_arrives_is_an_error_and_not_a_retry() -> None:
    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (ok(b"<a/>"), b""):
            head = await head_of(reader)
            legacy.requests.append((head, await body_of(reader, head)))
            writer.write(answer)

    async def case(legacy: Legacy, relay: Relay) -> None:
        await call(relay, request())
        with pytest.raises(IncumbentUnreachable):
            await call(relay, request())
        assert (legacy.connections, len(legacy.requests)) == (1, 2)
        await call(relay, request())
        assert legacy.connections == 2

    run(behave, case)


def test_a_connection_that_legacy_closed_while_idle_is_not_used() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        for number in range(3):
            await call(relay, request())
            await until(lambda: legacy.open == 0)
            assert legacy.connections == number + 1

    run(once(ok(b"<a/>")), case)


def test_a_connection_that_legacy_closed_while_our_loop_was_busy_is_not_used() -> None:
    closed = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(65_536)
            connection.sendall(ok(b"<a/>"))
            connection.close()
            closed.set()

    async def main() -> None:
        relay = Relay(f"http://127.0.0.1:{listener.getsockname()[1]}/loans")
        for _ in range(2):
            assert (await call(relay, request())).body == b"<a/>"
            assert closed.wait(20)  # the loop is not given a chance to see it
            closed.clear()
        await relay.close()

    with listener:
        thread = threading.Thread(target=serve)
        thread.start()
        uvloop.run(main())
        thread.join(20)


def test_a_connection_serves_again_after_answers_that_came_faster_than_they_were_taken() -> None:
    large = bytes(200_000)

    async def case(legacy: Legacy, relay: Relay) -> None:
        for _ in range(20):
            assert await collect(await call(relay, request())) == large
            assert await collect(await relay.stream(request(), None, 6)) == large
        assert legacy.connections == 1

    run(answering(ok(large)), case, max_decode=1000)


def test_a_connection_is_not_kept_for_longer_than_legacy_says() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        for number in range(3):
            await call(relay, request())
            assert legacy.connections == number + 1

    run(answering(ok(b"<a/>", "Keep-Alive: timeout=1, max=100")), case)


@pytest.mark.parametrize("scheme", [b"NTLM TlRMTVNTUAAB", b"Negotiate YII"])
def test_a_connection_that_one_caller_authenticated_is_not_used_for_another(scheme: bytes) -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        await call(relay, request())
        await call(relay, request(b"<a/>", (b"authorization", scheme)))
        assert legacy.connections == 1
        await call(relay, request())
        assert legacy.connections == 2

    run(answering(ok(b"<a/>")), case)


def test_an_answer_after_the_answer_does_not_become_the_next_ones() -> None:
    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        legacy.requests.append((head, await body_of(reader, head)))
        writer.write(ok(b"<a>%d</a>" % legacy.connections))
        await answered.wait()
        writer.write(ok(b"<late/>"))
        answered.clear()
        await reader.read()

    answered = asyncio.Event()

    async def case(legacy: Legacy, relay: Relay) -> None:
        assert (await call(relay, request())).body == b"<a>1</a>"
        answered.set()
        await until(lambda: not answered.is_set())
        for _ in range(10):
            await asyncio.sleep(0)
        assert (await call(relay, request())).body == b"<a>2</a>"
        answered.set()

    run(behave, case)


def test_no_answer_in_time_is_a_timeout_and_ends_the_connection() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        with pytest.raises(IncumbentTimeout, match="did not answer within"):
            await call(relay, request(), timeout=0.1)
        await until(lambda: legacy.open == 0)
        assert len(legacy.requests) == 1

    run(silent, case)


def test_a_call_without_deadline_still_has_the_relays_own_timeout() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        with pytest.raises(IncumbentTimeout):
            await call(relay, request(), timeout=float("inf"))

    run(silent, case, timeout=0.1)


def test_nobody_listening_is_unreachable_and_probed_as_such() -> None:
    async def main() -> None:
        async with legacy_server(silent) as legacy:
            pass
        relay = Relay(legacy.url)
        with pytest.raises(IncumbentUnreachable, match="cannot be reached") as caught:
            await call(relay, request())
        assert not caught.value.asked
        assert f"127.0.0.1:{legacy.port} cannot be reached" in str(await relay.probe())

    uvloop.run(main())


def test_a_probe_that_connects_says_nothing() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        assert await relay.probe() is None

    run(silent, case)


def test_the_connections_are_bounded_and_a_call_that_finds_none_says_so() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        waiting = [asyncio.create_task(call(relay, request())) for _ in range(2)]
        await until(lambda: len(legacy.requests) == 2)
        with pytest.raises(IncumbentTimeout, match="all of our 2 connections"):
            await call(relay, request(), timeout=0.2)
        assert legacy.connections == 2
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await until(lambda: legacy.open == 0)

    run(silent, case, connections=2)


def test_many_calls_share_few_connections() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        answers = await asyncio.gather(*(call(relay, request()) for _ in range(50)))
        assert [raw.body for raw in answers] == [b"<a/>"] * 50
        assert legacy.connections <= 4

    run(answering(ok(b"<a/>")), case, connections=4)


def test_a_large_answer_is_begun_and_then_streamed() -> None:
    large = bytes(range(256)) * 20_000

    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await call(relay, request())
        assert raw.rest is not None
        assert 1000 < len(raw.body) < 1_000_000
        assert (b"Content-Length", b"%d" % len(large)) in raw.headers
        assert await collect(raw) == large
        assert await collect(await call(relay, request())) == large
        assert legacy.connections == 1

    run(answering(ok(large)), case, max_decode=1000)


def test_a_large_answer_that_nobody_reads_makes_legacy_wait_and_then_loses_its_connection() -> None:
    written = 0

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        head = await head_of(reader)
        legacy.requests.append((head, await body_of(reader, head)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        for _ in range(2000):
            writer.write(bytes(100_000))
            await writer.drain()
            written += 100_000

    async def case(legacy: Legacy, relay: Relay) -> None:
        raw: Raw | None = await call(relay, request())
        before = -1
        while written != before:
            before = written
            for _ in range(200):
                await asyncio.sleep(0)
        assert written < 50_000_000
        del raw
        await until(lambda: legacy.open == 0)

    run(behave, case, max_decode=1000, connections=1)


def test_a_large_answer_that_breaks_off_is_an_error_where_it_does() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await call(relay, request())
        with pytest.raises(IncumbentUnreachable):
            await collect(raw)

    run(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + bytes(5000)), case, max_decode=1000)


def test_the_path_below_and_the_query_are_kept_as_they_were_written() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        await relay.stream(request(b"", method=b"GET", below=b"/a%2Fb/%c3%a9", query=b"x=%20+1&&y"), None, 0)
        await relay.stream(request(b""), None, 0)
        lines = [head.split(b"\r\n")[0] for head, _ in legacy.requests]
        assert lines == [
            b"GET /loans/a%2Fb/%c3%a9?client=800&x=%20+1&&y HTTP/1.1",
            b"POST /loans?client=800 HTTP/1.1",
        ]
        assert header(legacy.requests[0][0], "content-length") == []
        assert header(legacy.requests[1][0], "content-length") == ["0"]

    run(answering(ok(b"<a/>")), case, query="?client=800")


async def parts(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def test_a_streamed_request_keeps_its_content_length() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        raw = await relay.stream(request(b"<a>"), parts(b"1", b"", b"2</a>"), 9)
        assert (raw.status, await collect(raw)) == (200, b"<b/>")
        [(head, body)] = legacy.requests
        assert body == b"<a>12</a>"
        assert (header(head, "content-length"), header(head, "transfer-encoding")) == (["9"], [])

    run(answering(ok(b"<b/>")), case)


def test_a_request_that_came_without_length_goes_out_chunked() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        await relay.stream(request(b"<a>"), parts(b"1", b"2</a>"), None)
        [(head, body)] = legacy.requests
        assert body == b"3\r\n<a>\r\n1\r\n1\r\n5\r\n2</a>\r\n0\r\n\r\n"
        assert (header(head, "content-length"), header(head, "transfer-encoding")) == ([], ["chunked"])

    run(answering(ok(b"<b/>")), case)


def test_an_answer_before_the_end_of_the_request_is_taken_and_the_connection_not_used_again() -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"2"
        await asyncio.Event().wait()

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        legacy.requests.append((await head_of(reader), b""))
        writer.write(b"HTTP/1.1 413 Too much\r\nContent-Length: 4\r\n\r\n<a/>")
        await reader.read()

    async def case(legacy: Legacy, relay: Relay) -> None:
        for number in (1, 2):
            raw = await relay.stream(request(b"1"), endless(), 1000)
            assert (raw.status, await collect(raw)) == (413, b"<a/>")
            assert legacy.connections == number

    run(behave, case)


def test_what_ends_the_upload_passes_through_and_ends_the_exchange() -> None:
    class HungUp(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield b"2"
        raise HungUp

    async def case(legacy: Legacy, relay: Relay) -> None:
        with pytest.raises(HungUp):
            await relay.stream(request(b"1"), broken(), 1000)
        await until(lambda: legacy.open == 0)
        assert legacy.requests == []

    run(silent, case)


def test_legacy_that_does_not_read_is_a_timeout() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1_000_000)

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # StreamWriter types it too loosely
        await asyncio.wait_for(gone.wait(), 20)

    gone = asyncio.Event()

    async def case(legacy: Legacy, relay: Relay) -> None:
        with pytest.raises(IncumbentTimeout):
            await relay.stream(request(b"1"), endless(), 10**12)
        gone.set()

    run(behave, case, timeout=0.2)


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    async def case(legacy: Legacy, relay: Relay) -> None:
        for _ in range(2):
            raw = await relay.stream(request(b"", method=b"HEAD"), None, 0)
            assert (raw.status, raw.body, raw.rest) == (200, b"", None)
            assert (b"Content-Length", b"999") in raw.headers

    run(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), case)


def test_a_certificate_that_is_not_trusted_is_refused_unless_configured(tmp_path: Path) -> None:
    theirs, _ = certificates(tmp_path)

    async def main() -> None:
        async with legacy_server(answering(ok(b"<a/>")), theirs) as legacy:
            url = legacy.url.replace("http:", "https:")
            with pytest.raises(IncumbentUnreachable, match=r"(?i)certificate"):
                await call(Relay(url), request())
            trusting = ssl.create_default_context()
            trusting.check_hostname = False
            trusting.verify_mode = ssl.CERT_NONE
            relay = Relay(url, tls=trusting)
            assert (await call(relay, request())).body == b"<a/>"
            assert await relay.probe() is None
            await relay.close()
            await until(lambda: legacy.open == 0)

    uvloop.run(main())
