"""The server's limits, against real sockets."""

import asyncio
import http.client
import ssl
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.x509.oid import NameOID

from gateway.contract import Message, Receive, Send
from gateway.http import Limits, Router
from tests.integration.wire import PATIENCE, Served, caller, certificates, header, post, serving, until


class App:
    """Says how long a request was; `/late` waits to be let go before it reads, `/held` after; `/large` answers 8 MB.

    `/early` answers and reads nothing."""

    def __init__(self) -> None:
        self.scopes: list[Message] = []
        self.ends: list[str] = []
        self.go = asyncio.Event()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["path"] == "/late":
            await self.go.wait()
        if scope["path"] == "/early":
            await send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"5")]})
            return await send({"type": "http.response.body", "body": b"large"})
        size, message = 0, await receive()
        while message["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                break
            message = await receive()
        self.ends.append(message["type"])
        if scope["path"] == "/held":
            await self.go.wait()
        body = bytes(8_000_000) if scope["path"] == "/large" else b"%d bytes" % size
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


Case = Callable[[App, Served], Coroutine[Any, Any, None]]


def run(case: Case, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
    """Runs a case against a server in uvloop, as a worker has it."""

    async def main() -> None:
        app = App()
        async with serving(app, limits, tls) as served:
            await case(app, served)

    uvloop.run(main())


SHORT = Limits(receipt=0.2, grace=2.0)


@pytest.mark.parametrize(
    "beginning",
    [b"POST / HT", b"POST / HTTP/1.1\r\nHost: a\r\nX-A: b", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"],
    ids=["request line", "header", "body"],
)
def test_a_request_that_stalls_is_answered_with_408_and_closed(beginning: bytes) -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(beginning)
            answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert header(answer, "connection") == ["close"]
        assert "200" not in answer.decode().splitlines()[0]
        await until(lambda: not served.server.server_state.tasks)
        assert app.ends in ([], ["http.disconnect"])

    run(case, SHORT)


def test_a_trickle_of_bytes_does_not_extend_the_deadline() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n")
            sent = 0
            while not client.reader.at_eof() and sent < 2000:
                client.writer.write(b"x")
                sent += 1
                await asyncio.sleep(0.01)
                if client.reader._buffer:  # type: ignore[attr-defined]  # nothing public tells without waiting
                    break
            assert (await client.rest()).startswith(b"HTTP/1.1 408 ")
            assert sent < 2000

    run(case, SHORT)


def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            assert await client.rest() == b""

    run(case, SHORT)


def test_blank_lines_after_an_answer_do_not_keep_a_connection() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            await client.ask(post("/", b"abc"))
            client.writer.write(b"\r\n")
            await client.rest()

    run(case, Limits(receipt=0.2, idle=600.0, grace=2.0))


def test_the_deadline_is_armed_again_on_a_connection_that_is_kept() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            for _ in range(3):
                head, body = await client.ask(post("/", b"abc"))
                assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"3 bytes")
            client.writer.write(b"POST / HTTP/1.1\r\n")
            assert (await client.rest()).startswith(b"HTTP/1.1 408 ")

    run(case, SHORT)


def test_an_idle_connection_is_closed_after_its_own_time() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            await client.ask(post("/", b"abc"))
            assert await client.rest() == b""

    run(case, Limits(receipt=600.0, idle=0.1, grace=2.0))


def test_the_idle_time_of_a_connection_begins_with_its_last_answer() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            for _ in range(3):
                asked = asyncio.get_running_loop().time()
                await client.ask(post("/", b"abc"))
                await asyncio.sleep(0.4)  # as callers do between two calls
            assert await client.rest() == b""
            assert asyncio.get_running_loop().time() - asked >= 1.5

    run(case, Limits(receipt=600.0, idle=1.5, grace=2.0))


def test_a_call_that_takes_longer_than_the_receipt_deadline_is_answered() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            asking = asyncio.create_task(client.ask(post("/held", b"abc")))
            async with caller(served.port) as other:
                await other.rest()  # a whole receipt deadline has passed
            app.go.set()
            assert (await asking)[1] == b"3 bytes"

    run(case, SHORT)


def test_a_body_that_we_are_late_to_read_is_not_the_callers_fault() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            asking = asyncio.create_task(client.ask(post("/late", bytes(10_000_000))))
            async with caller(served.port) as other:
                await other.rest()  # a whole receipt deadline has passed
            app.go.set()
            assert (await asking)[1] == b"10000000 bytes"

    run(case, SHORT)


EARLY = b"POST /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
def test_a_caller_that_writes_all_before_it_reads_gets_an_answer_that_came_early(connection: str) -> None:
    def ask(port: int) -> tuple[int, bytes]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        with closing(client):
            client.request("POST", "/early", bytes(50_000_000), {"Connection": connection})
            with client.getresponse() as answer:
                return answer.status, answer.read()

    async def case(app: App, served: Served) -> None:
        assert await asyncio.to_thread(ask, served.port) == (500, b"large")
        await until(lambda: not served.protocols)

    run(case, Limits(grace=2.0))


def test_what_comes_after_the_last_answer_of_a_connection_is_served_by_nobody() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(EARLY % 9)
            await until(lambda: len(app.scopes) == 1)
            client.writer.write(b"123456789" + post("/", b"abc"))
            assert (await client.rest()).count(b"HTTP/1.1") == 1
        await until(lambda: not served.protocols)
        assert len(app.scopes) == 1

    run(case, Limits(receipt=600.0, grace=2.0))


@pytest.mark.parametrize(
    ("limits", "pause"),
    [(Limits(receipt=0.3, grace=2.0), 0.01), (Limits(receipt=600.0, grace=2.0, drain=4_000_000), 0.0)],
    ids=["by time", "by size"],
)
def test_a_request_that_is_answered_already_is_not_read_for_ever(limits: Limits, pause: float) -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(EARLY % 10**12)
            with suppress(ConnectionError):
                while served.protocols or not app.scopes:
                    client.writer.write(bytes(65_536))
                    await client.writer.drain()
                    await asyncio.sleep(pause)
            assert not served.protocols

    run(case, limits)


@pytest.mark.parametrize(
    "head",
    [
        b"X-Long: " + b"a" * 70_000 + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(201)),
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(100)),
    ],
    ids=["one header of 70 KB", "201 headers", "100 KB in all"],
)
def test_a_head_over_the_cap_is_answered_with_431(head: bytes) -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n")
            assert (await client.rest()).startswith(b"HTTP/1.1 431 ")
        assert app.scopes == []

    run(case, Limits(grace=2.0))


def test_a_header_without_end_is_refused_while_it_comes_and_takes_no_memory() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\nX-Long: ")
            for _ in range(100):
                client.writer.write(b"a" * 65_536)
            assert (await client.rest()).startswith(b"HTTP/1.1 431 ")

    run(case, Limits(grace=2.0))


def test_a_head_just_below_the_cap_passes_even_in_pieces() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\nX-Long: ")
            for _ in range(60):
                client.writer.write(b"a" * 1000)
                await client.writer.drain()
                await asyncio.sleep(0)
            head, _ = await client.ask(b"\r\nContent-Length: 0\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(dict(app.scopes[0]["headers"])[b"x-long"]) == 60_000

    run(case, Limits(grace=2.0))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_content_length_together_with_transfer_encoding_is_refused(order: tuple[int, int]) -> None:
    headers = [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"]

    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            both = headers[order[0]] + headers[order[1]]
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\n" + both + b"\r\n0\r\n\r\n")
            answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert app.scopes == []

    run(case, Limits(grace=2.0))


def test_nothing_is_added_to_an_answer() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            head, _ = await client.ask(post("/", b"abc"))
        assert head == b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"

    run(case, Limits(grace=2.0))


def test_an_answer_whose_body_never_comes_is_told_as_an_error() -> None:
    """The head was held back for the body, so that the caller can still be told."""

    async def begun(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 202, "headers": []})

    async def main() -> None:
        async with serving(begun) as served, caller(served.port) as client:
            client.writer.write(post("/", b"abc"))
            assert (await client.rest()).startswith(b"HTTP/1.1 500 ")

    uvloop.run(main())


def test_the_answer_to_head_is_a_head_and_the_connection_stays() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            for _ in range(2):
                client.writer.write(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                async with asyncio.timeout(PATIENCE):
                    assert header(await client.reader.readuntil(b"\r\n\r\n"), "content-length") == ["7"]

    run(case, Limits(grace=2.0))


def test_an_offer_to_upgrade_is_ignored_and_the_request_served() -> None:
    """Java's own client offers HTTP/2 with its first request."""

    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk")
            for _ in range(2):
                head, body = await client.ask(post("/", b"abc", *offer))
                assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"3 bytes")

    run(case, Limits(grace=2.0))


def test_a_stop_is_not_hung_by_a_stalled_body_and_finishes_a_call_that_was_received() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as stalled, caller(served.port) as held, caller(served.port) as idle:
            stalled.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc")
            asking = asyncio.create_task(held.ask(post("/held", b"abc")))
            await idle.ask(post("/", b"abc"))
            await until(lambda: len(app.scopes) == 3)
            served.server.should_exit = True
            assert (await stalled.rest()).startswith(b"HTTP/1.1 408 ")
            assert await idle.rest() == b""
            assert not asking.done()
            app.go.set()
            head, body = await asking
            assert (header(head, "connection"), body) == (["close"], b"3 bytes")
            await asyncio.wait_for(served.task, PATIENCE)
        assert not served.server.server_state.connections

    run(case, Limits(receipt=600.0, grace=3.0))


def test_a_stop_ends_within_the_grace_when_a_call_never_ends() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as held:
            held.writer.write(post("/held", b"abc"))
            await until(lambda: len(app.scopes) == 1)
            await served.stop()
        await until(lambda: not served.server.server_state.tasks)
        assert not served.server.server_state.connections

    run(case, Limits(grace=0.5))


def test_a_stop_leaves_no_connection_even_where_a_refused_caller_stays() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.write(b"POST / HTTP/1.1\r\n")
            await until(lambda: any(connection._begun for connection in served.protocols))
            await served.stop()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not served.protocols

    run(case, Limits(receipt=600.0, grace=0.5))


def test_a_request_on_an_idle_connection_during_a_stop_is_still_answered() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client, caller(served.port) as held:
            await client.ask(post("/", b"abc"))
            held.writer.write(post("/held", b"abc"))
            await until(lambda: len(app.scopes) == 2)
            served.server.should_exit = True
            await until(lambda: not any(listener.is_serving() for listener in served.server.servers))
            head, body = await client.ask(post("/", b"abcd"))
            assert (header(head, "connection"), body) == (["close"], b"4 bytes")
            app.go.set()

    run(case, Limits(grace=4.0))


def test_a_caller_that_does_not_read_its_answer_is_cut_off() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # StreamWriter types it too loosely
            client.writer.write(post("/large", b"abc"))
            await until(lambda: len(app.scopes) == 1)
            await until(lambda: not served.server.server_state.connections)

    run(case, Limits(stall=0.2, grace=2.0))


def test_the_certificate_of_a_caller_is_in_the_scope(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path)

    async def case(app: App, served: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, ssl=theirs)
        writer.write(post("/", b"abc"))
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        [pem] = app.scopes[0]["extensions"]["tls"]["client_cert_chain"]
        subject = x509.load_pem_x509_certificate(pem.encode()).subject
        assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "bank"

    run(case, Limits(grace=2.0), ours)


def test_without_tls_the_scope_has_no_certificate() -> None:
    async def case(app: App, served: Served) -> None:
        async with caller(served.port) as client:
            await client.ask(post("/", b"abc"))
        assert "tls" not in app.scopes[0].get("extensions", {})

    run(case, Limits(grace=2.0))


def test_the_router_takes_the_exact_path_then_the_longest_prefix_then_says_404() -> None:
    async def ask(router: Router, path: str) -> str:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            raise AssertionError("a router reads nothing")

        await router({"type": "http", "raw_path": path.encode()}, receive, send)
        return str(sent[0].get("from") or sent[0]["status"])

    def named(name: str) -> Callable[[Message, Receive, Send], Coroutine[Any, Any, None]]:
        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await send({"from": name})

        return app

    async def main() -> None:
        router = Router({path: named(path) for path in ("/a/*", "/a/b/*", "/a/c", "/d")})
        paths = ("/a", "/a/", "/a/x", "/a/b", "/a/b/x", "/a/c", "/a/c/x", "/d", "/d/x", "/ab", "/")
        found = [await ask(router, path) for path in paths]
        assert found == ["/a/*", "/a/*", "/a/*", "/a/b/*", "/a/b/*", "/a/c", "/a/*", "/d", "404", "404", "404"]

    asyncio.run(main())
