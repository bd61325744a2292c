"""Recorded oddities reach the other side with the same body bytes, status and header values, both ways."""

import asyncio
import re
from pathlib import Path

import pytest

from tests.integration.soap.test_front import Forwarding, run
from tests.integration.wire import Behaviour, Caller, Legacy, body_of, head_of

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(file.stem for file in RECORDED.glob("*.request"))
CONNECTION = {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "expect"}
"""Headers of one connection: the only ones that may differ (RFC 9110, 7.6.1)."""
BODILESS = (b" 204 ", b" 304 ")


def fields(head: bytes) -> list[tuple[str, bytes]]:
    """The header values in order, with names in lower case, without those of one connection."""
    lines = [line.partition(b":") for line in re.split(rb"\r?\n", head)[1:] if b":" in line]
    pairs = [(name.decode("latin-1").lower(), value.strip(b" \t")) for name, _, value in lines]
    return [pair for pair in pairs if pair[0] not in CONNECTION]


def split(message: bytes) -> tuple[bytes, bytes]:
    """Head and body as they were recorded; informational answers before it are dropped."""
    while message.startswith(b"HTTP/1.1 100"):
        message = re.split(rb"\r?\n\r?\n", message, maxsplit=1)[1]
    head, body = re.split(rb"\r?\n\r?\n", message, maxsplit=1)
    return head, unchunked(body) if b"chunked" in head else body


def unchunked(body: bytes) -> bytes:
    """What stands in the chunks."""
    found = b""
    while size := int(body.partition(b"\r\n")[0].partition(b";")[0], 16):
        body = body.partition(b"\r\n")[2]
        found, body = found + body[:size], body[size + 2 :]
    return found


def replaying(answer: bytes) -> Behaviour:
    """Answers with these very bytes, and hangs up where only that ends them."""

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        legacy.requests.append((head, await body_of(reader, head)))
        writer.write(answer)
        await writer.drain()

    return behave


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_exchange_is_relayed_unchanged(name: str, version: str) -> None:
    request = (RECORDED / f"{name}.request").read_bytes()
    response = (RECORDED / f"{name}.response").read_bytes()
    asked, (answered, expected) = split(request), split(response)

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        sent = request if version == "1.1" else request.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
        client.writer.write(sent.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        got = await client.rest()
        head, body = split(got)
        assert body == expected
        assert head.split(b" ")[1] == answered.split(b" ")[1]
        assert fields(head) == fields(answered)
        [(received, received_body)] = legacy.requests
        assert received_body == asked[1]
        assert fields(received) == fields(asked[0])
        target = asked[0].split(b" ")[1].replace(b"/soap/loans", b"/loans", 1)
        assert received.startswith(asked[0].split(b" ")[0] + b" " + target + b" HTTP/1.1\r\n")
        if expected and not any(status in answered for status in BODILESS):
            assert re.search(rb"(?i)\r\n(content-length|transfer-encoding):", head + b"\r\n")

    run(replaying(response), case)


def test_there_are_as_many_answers_as_requests() -> None:
    assert len(NAMES) >= 25
    assert {file.stem for file in RECORDED.glob("*.response")} == set(NAMES)
