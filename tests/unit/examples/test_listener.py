"""The old listener keeps connections open, answers in order, and refuses what its time could not read."""

import asyncio
import socket

import pytest

from gateway.examples.credit.listener import Connection, Refused, Request, Response, length, parse


def echo(request: Request) -> Response:
    return Response(f"{request.method} {request.target} ".encode() + request.body)


async def exchange(call: bytes, delay: float = 0.0) -> bytes:
    """What the listener writes to `call` until it closes."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(echo, delay), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(call)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    server.close()
    return answer


def post(body: bytes, *lines: bytes, path: bytes = b"/loans") -> bytes:
    head = [b"POST " + path + b" HTTP/1.1", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


@pytest.mark.parametrize("delay", [0.0, 0.001])
def test_requests_sent_together_are_answered_in_order_on_one_connection(delay: float) -> None:
    calls = post(b"one") + post(b"two") + post(b"three", b"Connection: close")
    answer = asyncio.run(exchange(calls, delay=delay))
    assert [part.rsplit(b" ", 1)[-1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [b"one", b"two", b"three"]
    assert answer.count(b"Connection: close") == 1


def test_a_request_may_arrive_byte_by_byte() -> None:
    async def case() -> bytes:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Connection(echo), sock=theirs)
        for byte in post(b"slow", b"Connection: close"):
            connection.data_received(bytes([byte]))
        reader, writer = await asyncio.open_connection(sock=ours)
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return answer

    assert asyncio.run(case()).endswith(b"POST /loans slow")


def test_a_caller_who_expects_100_gets_it_before_sending_the_body() -> None:
    async def case() -> bytes:
        server = await asyncio.get_running_loop().create_server(lambda: Connection(echo), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        call = post(b"body", b"Expect: 100-continue", b"Connection: close")
        writer.write(call[:-4])
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(call[-4:])
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        server.close()
        return answer

    answer = asyncio.run(case())
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"POST /loans body")


def test_head_gets_the_length_and_no_body() -> None:
    answer = asyncio.run(exchange(b"HEAD /loans HTTP/1.1\r\nConnection: close\r\n\r\n"))
    assert b"Content-Length: 12\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_a_caller_of_http_1_0_is_answered_and_left() -> None:
    assert asyncio.run(exchange(b"GET / HTTP/1.0\r\n\r\n")).endswith(b"GET / ")


@pytest.mark.parametrize(
    ("call", "status"),
    [
        (b"POST /loans HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST /loans HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (b"POST /loans HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n", 413),
        (b"POST /loans HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /loans HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"X" * 65536, 431),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_connection_ends(call: bytes, status: int) -> None:
    answer = asyncio.run(exchange(call))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1") == 1


def test_header_names_are_lower_case_and_values_are_bare() -> None:
    request = parse('POST /loans?x=1 HTTP/1.1\r\nSOAPAction:  "a" \r\nCOOKIE: b=c')
    assert request.headers == {"soapaction": '"a"', "cookie": "b=c"}
    assert (request.method, request.target, request.persistent) == ("POST", "/loans?x=1", True)


def test_a_body_without_a_length_is_empty() -> None:
    assert length({}) == 0
    with pytest.raises(Refused, match="Length Required"):
        length({"transfer-encoding": "chunked"})
