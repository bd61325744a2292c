"""The SOAP address against real callers and real legacy servers, byte by byte."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop
from lxml import etree
from pydantic import ValidationError

import gateway.examples.credit
from adapters.soap import Soap
from adapters.soap.config import SoapSettings
from gateway.contract import (
    Answer,
    BadPrediction,
    By,
    Call,
    Decision,
    Failed,
    IncumbentFailed,
    Made,
    Raw,
    Relayed,
    Stage,
    Told,
    Undecodable,
    UnderstudyError,
    Unmappable,
    Values,
)
from gateway.http import Limits, Router
from tests.integration.wire import (
    Behaviour,
    Caller,
    Legacy,
    answering,
    body_of,
    caller,
    head_of,
    header,
    legacy_server,
    ok,
    once,
    post,
    serving,
    silent,
    until,
)

EXAMPLE = Path(gateway.examples.credit.__file__).parent
SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
LOANS = "http://bank.example/loans/2004/05"


class Forwarding:
    """A gateway whose route `ScoreLoan` is answered by `by`: the incumbent, or with what `made` says."""

    def __init__(self, by: By = By.INCUMBENT, made: Answer | None = None) -> None:
        self.soap: Soap | None = None
        self.calls: list[Call] = []
        self.counted: list[tuple[str, str]] = []
        self._by = by
        self._made = made

    def decide(self, source: str, operation: str, key: str | None) -> Decision | None:
        return Decision(self._by, Stage.LIVE, "test", "1") if operation == "ScoreLoan" else None

    async def answer(self, calls: Sequence[Call], told: Told | None = None) -> Sequence[Answer]:
        self.calls.extend(calls)
        return [self._made or await self._forward(call) for call in calls]

    async def _forward(self, call: Call) -> Answer:
        assert self.soap is not None
        incumbent = self.soap.incumbent()
        assert incumbent is not None
        try:
            return Relayed(await incumbent.call(call, call.remaining()))
        except IncumbentFailed as error:
            return Failed(error)

    async def witness(self, call: Call, answer: Relayed | None) -> None:
        raise AssertionError("nothing is witnessed over HTTP")

    def foresee(self, call: Call) -> Decision | None:
        raise AssertionError("a SOAP call is answered, not foreseen")

    async def waiting(self, source: str, operation: str, after: str) -> Sequence[str]:
        raise AssertionError("nothing waits over HTTP")

    def noticed(self, source: str, operation: str, word: str) -> None:
        raise AssertionError("nothing is noticed over HTTP")

    def passed(self, source: str, operation: str, reason: str) -> None:
        assert source == "loans"
        self.counted.append((operation, reason))

    def repeated(self, call: Call, raw: Raw) -> None:
        raise AssertionError("nothing comes again over HTTP")

    def handed_over(self, then: Callable[[], None], patience: float) -> None:
        raise AssertionError("nothing is acknowledged over HTTP")

    async def once(self, scope: str, token: bytes, ttl: float) -> bool:
        raise AssertionError("nobody is asked for a token")

    async def keep(
        self, scope: str, values: Mapping[bytes, bytes], ttl: float, calls: Mapping[bytes, Call] | None = None
    ) -> Mapping[bytes, bytes]:
        raise AssertionError("nothing is kept")

    async def kept(self, scope: str, tokens: Sequence[bytes]) -> Mapping[bytes, bytes]:
        raise AssertionError("nothing is kept")

    def route(self, source: str, operation: str) -> str:
        raise AssertionError("nobody asks for the route")

    def buried(self, source: str, operation: str, letter: str, reason: str) -> None:
        raise AssertionError("nothing is put aside")

    def count(self, source: str, operation: str, event: str, amount: int = 1) -> None:
        raise AssertionError("nothing is counted")

    def level(self, source: str, operation: str, name: str, value: float) -> None:
        raise AssertionError("nothing is counted")


Case = Callable[[Legacy, Forwarding, Caller], Coroutine[Any, Any, None]]


def run(behave: Behaviour | None, case: Case, ours: Forwarding | None = None, **options: Any) -> None:
    """Runs a case: a caller, the server with the SOAP front, and a legacy server unless `behave` is None."""

    async def main() -> None:
        gateway = ours or Forwarding()
        async with legacy_server(behave or silent) as legacy:
            incumbent = {"url": legacy.url, "timeout": options.pop("patience", "5s")} if behave else None
            data = {"path": "/soap/loans", "wsdl": "loans.wsdl", "incumbent": incumbent} | options
            gateway.soap = Soap("loans", SoapSettings.model_validate(data), EXAMPLE)
            router = Router(gateway.soap.front(gateway).routes())
            async with serving(router, Limits(grace=1.0)) as served:
                async with caller(served.port) as client:
                    await case(legacy, gateway, client)
                await until(lambda: not served.server.server_state.tasks)
            await gateway.soap.close()
            await until(lambda: legacy.open == 0)

    uvloop.run(main())


def envelope(operation: str = "ScoreLoan", soap: str = SOAP11, content: str = "") -> bytes:
    child = f'<l:{operation} xmlns:l="{LOANS}">{content}</l:{operation}>'
    return f'<s:Envelope xmlns:s="{soap}"><s:Header/><s:Body>\n {child}\n</s:Body></s:Envelope>\n'.encode()


def ask(body: bytes, *headers: str, path: str = "/soap/loans") -> bytes:
    return post(path, body, "Content-Type: text/xml; charset=utf-8", *headers)


def read_fault(body: bytes) -> tuple[str, str, str]:
    """Namespace of the envelope, code without its prefix, and reason of a fault."""
    root = etree.fromstring(body)
    namespace = etree.QName(root).namespace or ""
    [fault] = root.findall(f"{{{namespace}}}Body/{{{namespace}}}Fault")
    names = ("faultcode", "faultstring") if namespace == SOAP11 else ("{*}Code/{*}Value", "{*}Reason/{*}Text")
    code, reason = (fault.findtext(name) or "" for name in names)
    return namespace, code.split(":")[-1], reason


def test_a_routed_call_is_answered_with_the_incumbents_bytes_status_and_headers() -> None:
    legacy_answer = (
        b"HTTP/1.1 500 Oh\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Type: text/xml\r\nX-Powered-By: ASP.NET\r\n"
        b"Content-Length: 9\r\n\r\n <fault/>"
    )

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        sent = envelope(content=" trailing  \r\n<!-- kept -->")
        for _ in range(2):
            head, body = await client.ask(ask(sent, 'SOAPAction: ""', "Cookie: c=3"))
            assert body == b" <fault/>"
            assert head == (
                b"HTTP/1.1 500 Internal Server Error\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
                b"content-type: text/xml\r\nx-powered-by: ASP.NET\r\ncontent-length: 9\r\n\r\n"
            )
        assert [body for _, body in legacy.requests] == [sent, sent]
        assert header(legacy.requests[0][0], "cookie") == ["c=3"]
        assert [(one.source, one.operation, one.raw.body) for one in ours.calls] == [("loans", "ScoreLoan", sent)] * 2
        assert ours.counted == []

    run(answering(legacy_answer), case)


@pytest.mark.parametrize(
    ("headers", "body", "operation"),
    [
        (["SOAPAction: "], envelope(), "ScoreLoan"),
        ([f'SOAPAction: "{LOANS}/ScoreLoan"'], b"<nonsense/>", "ScoreLoan"),
        ([f"SOAPAction: {LOANS}/ScoreLoan"], b"<!DOCTYPE a []><nonsense/>", "ScoreLoan"),
        ([f'Content-Type: application/soap+xml; action="{LOANS}/ScoreLoan"'], b"", "ScoreLoan"),
        (['SOAPAction: "unknown"'], envelope(), "ScoreLoan"),
    ],
    ids=["by Body's child", "by SOAPAction", "by SOAPAction, unquoted", "by action of 1.2", "unknown action"],
)
def test_the_operation_is_found_by_the_body_and_then_by_the_action(
    headers: list[str], body: bytes, operation: str
) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        await client.ask(post("/soap/loans", body, *headers))
        assert [call.operation for call in ours.calls] == [operation]
        assert [body for _, body in legacy.requests] == [body]

    run(answering(ok(b"<a/>")), case)


@pytest.mark.parametrize(
    ("request_bytes", "line", "counted"),
    [
        (ask(b"not xml at all \x00\xff"), b"POST /loans HTTP/1.1", ("", "no_operation")),
        (ask(b""), b"POST /loans HTTP/1.1", ("", "no_operation")),
        (ask(envelope("GetTariff")), b"POST /loans HTTP/1.1", ("GetTariff", "no_route")),
        (ask(envelope(), f'SOAPAction: "{LOANS}/GetTariff"'), b"POST /loans HTTP/1.1", ("ScoreLoan", "ambiguous")),
        (ask(envelope(), path="/soap/loans/b%20c?d=%31"), b"POST /loans/b%20c?d=%31 HTTP/1.1", ("", "below")),
        (b"GET /soap/loans?xsd=1 HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /loans?xsd=1 HTTP/1.1", ("", "method")),
        (b"GET /soap/loans?singleWsdl HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /loans?singleWsdl HTTP/1.1", ("", "method")),
        (b"PUT /soap/loans HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\na", b"PUT /loans HTTP/1.1", ("", "method")),
    ],
    ids=["nonsense", "empty", "no route", "contradiction", "below", "xsd", "singleWsdl", "PUT"],
)  # fmt: skip
def test_everything_else_passes_through_untouched_and_is_counted(
    request_bytes: bytes, line: bytes, counted: tuple[str, str]
) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, body = await client.ask(request_bytes)
        assert (head[:13], body) == (b"HTTP/1.1 404 ", b"<html>nothing here</html>")
        assert header(head, "set-cookie") == ["a=1", "b=2"]
        [(received, received_body)] = legacy.requests
        assert received.split(b"\r\n")[0] == line
        assert received_body == request_bytes.partition(b"\r\n\r\n")[2]
        assert (ours.calls, ours.counted) == ([], [counted])

    page = b"HTTP/1.1 404 No\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 25\r\n\r\n"
    run(answering(page + b"<html>nothing here</html>"), case)


def test_a_head_request_is_passed_and_its_answer_keeps_the_length() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        client.writer.write(b"HEAD /soap/loans HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = await client.rest()
        assert header(answer, "content-length") == ["999"]
        assert answer.endswith(b"\r\n\r\n")

    run(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"), case)


@pytest.mark.parametrize("below", ["/../admin", "/%2e%2e/x", "/..;a/admin", "/a/%252e%252e/%252E%2e/x", "/..%5cx"])
def test_no_path_leads_out_of_legacys_own(below: str) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(ask(envelope(), path=f"/soap/loans{below}"))
        assert read_fault(body)[1] == "Client"
        assert (legacy.requests, ours.counted) == ([], [("", "refused")])

    run(answering(ok(b"<a/>")), case)


def test_a_caller_that_waits_for_100_continue_is_told_to_go_on() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        request = ask(envelope(), "Expect: 100-continue")
        head, _, body = request.partition(b"\r\n\r\n")
        client.writer.write(head + b"\r\n\r\n")
        assert await head_of(client.reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        _, answer = await client.ask(body)
        assert answer == b"<a/>"
        assert header(legacy.requests[0][0], "expect") == []

    run(answering(ok(b"<a/>")), case)


def test_a_chunked_call_reaches_legacy_with_a_length() -> None:
    """Old servers refuse chunks, and we know the length once the call is read."""
    sent = envelope()

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (sent[:50], sent[50:]))
        head = b"POST /soap/loans HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        _, answer = await client.ask(head + chunks + b"0\r\n\r\n")
        assert answer == b"<a/>"
        [(received, body)] = legacy.requests
        assert body == sent
        assert header(received, "content-length") == [str(len(sent))]

    run(answering(ok(b"<a/>")), case)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("operation", ["ScoreLoan", "GetTariff"])
def test_a_call_that_is_too_large_to_decode_is_streamed_to_the_incumbent(chunked: bool, operation: str) -> None:
    sent = envelope(operation, content="x" * 5_000_000)

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        if chunked:
            frames = [sent[place : place + 70_000] for place in range(0, len(sent), 70_000)]
            head = b"POST /soap/loans HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            request = head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in frames) + b"0\r\n\r\n"
        else:
            request = ask(sent)
        _, answer = await client.ask(request)
        assert answer == b"<a/>"
        [(received, size)] = legacy.requests
        assert int(size) == len(sent)
        assert header(received, "transfer-encoding") == (["chunked"] if chunked else [])
        reason = "too_large" if operation == "ScoreLoan" else "no_route"
        assert (ours.calls, ours.counted) == ([], [(operation, reason)])

    async def behave(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        size = 0
        if header(head, "content-length"):
            size = len(await body_of(reader, head))
        else:
            while length := int(await reader.readline(), 16):
                size += len((await reader.readexactly(length + 2))[:-2])
            await reader.readline()
        legacy.requests.append((head, b"%d" % size))
        writer.write(ok(b"<a/>"))

    run(behave, case, max_decode="64KiB")


def test_a_call_that_is_too_large_to_decode_is_refused_where_the_candidate_answers() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        for _ in range(2):
            head, body = await client.ask(ask(envelope(soap=SOAP12, content="x" * 300_000)))
            assert head.startswith(b"HTTP/1.1 400 ")
            namespace, code, reason = read_fault(body)
            assert (namespace, code) == (SOAP12, "Sender")
            assert "65536 bytes" in reason
        assert (legacy.requests, ours.calls) == ([], [])
        assert ours.counted == [("ScoreLoan", "over_max_decode")] * 2

    run(answering(ok(b"<a/>")), case, Forwarding(By.CANDIDATE), max_decode="64KiB")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_request_over_max_relay_is_refused_with_a_fault(chunked: bool) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        body = envelope("GetTariff", content="x" * 1_000_000)
        if chunked:
            head = b"POST /soap/loans HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            request = head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [body]) + b"0\r\n\r\n"
        else:
            request = ask(body)
        _, answer = await client.ask(request)
        assert "524288 bytes" in read_fault(answer)[2]
        assert [reason for _, reason in ours.counted] == ["over_max_relay"]
        await until(lambda: legacy.open == 0)
        assert legacy.requests == []

    run(silent, case, max_decode="64KiB", max_relay="512KiB")


def test_a_large_answer_is_streamed_to_its_end() -> None:
    large = bytes(range(256)) * 30_000

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        for operation in ("ScoreLoan", "GetTariff"):
            head, body = await client.ask(ask(envelope(operation)))
            assert body == large
            assert header(head, "content-length") == [str(len(large))]
        assert len(ours.calls) == 1

    run(answering(ok(large)), case, max_decode="64KiB")


def test_an_answer_that_breaks_off_is_broken_off_to_the_caller() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        client.writer.write(ask(envelope()))
        answer = await client.rest()
        assert header(answer, "transfer-encoding") == ["chunked"]
        assert not answer.endswith(b"0\r\n\r\n")

    broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30000\r\n" + bytes(100_000)
    run(once(broken), case, max_decode="4KiB")


def test_a_caller_that_hangs_up_in_a_streamed_answer_ends_it() -> None:
    async def endless(legacy: Legacy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await head_of(reader)
        legacy.requests.append((head, await body_of(reader, head)))
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"2710\r\n" + bytes(10_000) + b"\r\n")
            await writer.drain()

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        client.writer.write(ask(envelope()))
        await head_of(client.reader)
        client.writer.transport.abort()
        await until(lambda: legacy.open == 0)

    run(endless, case, max_decode="4KiB")


def test_a_caller_that_hangs_up_in_its_request_is_counted_and_nothing_is_sent() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        client.writer.write(ask(envelope())[:-5])
        await client.writer.drain()
        client.writer.transport.abort()
        await until(lambda: ours.counted == [("", "caller_gone")])
        assert legacy.connections == 0

    run(answering(ok(b"<a/>")), case)


def test_a_caller_of_http_1_0_gets_a_length_and_never_chunks() -> None:
    large = bytes(200_000)

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        client.writer.write(ask(envelope()).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert (header(head, "content-length"), header(head, "transfer-encoding")) == (["200000"], [])
        assert body == large

    run(once(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + large), case, max_decode="64KiB")


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("operation", ["ScoreLoan", "GetTariff"])
def test_without_an_answer_of_legacy_the_caller_gets_a_fault_in_its_own_version(soap: str, operation: str) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, body = await client.ask(ask(envelope(operation, soap)))
        assert head.startswith(b"HTTP/1.1 500 ")
        namespace, code, reason = read_fault(body)
        assert (namespace, code) == (soap, "Server" if soap == SOAP11 else "Receiver")
        assert "127.0.0.1" not in reason and reason.endswith("in time. The call may have taken effect.")
        assert ours.counted == ([] if operation == "ScoreLoan" else [("GetTariff", "timeout")])

    run(silent, case, patience="100ms")


def test_legacy_that_hangs_up_is_a_fault_and_the_call_is_sent_once() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        for number, operation in enumerate(("ScoreLoan", "GetTariff"), 1):
            _, body = await client.ask(ask(envelope(operation)))
            assert read_fault(body)[1] == "Server" and "may have taken effect" in read_fault(body)[2]
            assert len(legacy.requests) == number
        assert ours.counted == [("GetTariff", "unreachable")]

    run(once(b""), case)


@pytest.mark.parametrize("operation", ["ScoreLoan", "GetTariff"])
def test_a_call_that_never_reached_legacy_is_a_fault_that_says_so(operation: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/loans"

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(ask(envelope(operation)))
        assert read_fault(body)[2].endswith("cannot be reached. The call did not get there. Try again later.")

    run(None, case, incumbent={"url": nobody})


@pytest.mark.parametrize("operation", ["GetTariff", "Unknown"])
def test_without_incumbent_what_is_not_routed_is_a_fault(operation: str) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, body = await client.ask(ask(envelope(operation, SOAP12)))
        assert read_fault(body)[:2] == (SOAP12, "Sender")
        assert header(head, "content-type")[0].startswith("application/soap+xml")

    run(None, case)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Undecodable("Amount is no decimal.", "malformed"), "Client", "Amount is no decimal."),
        (Unmappable("purpose", "A99 is in no code table."), "Client", "A99"),
        (BadPrediction("score is NaN"), "Server", "later"),
    ],
)
def test_a_call_that_nobody_can_answer_is_a_fault_that_says_whose_it_is(
    error: UnderstudyError, code: str, words: str
) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(ask(envelope()))
        assert read_fault(body)[:2] == (SOAP11, code)
        assert words in read_fault(body)[2]

    run(None, case, Forwarding(By.CANDIDATE, Failed(error)))


def test_an_error_of_our_own_is_a_fault_too() -> None:
    class Broken(Forwarding):
        async def answer(self, calls: Sequence[Call], told: Told | None = None) -> Sequence[Answer]:
            raise ZeroDivisionError

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(ask(envelope(soap=SOAP12)))
        assert read_fault(body)[:2] == (SOAP12, "Receiver")

    run(None, case, Broken())


def test_an_answer_that_the_candidate_made_is_sent_with_its_media_type_and_length() -> None:
    made = Made(Raw(b"<made/>", "text/xml; charset=utf-8", 200), Values({}), "credit:1")

    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, body = await client.ask(ask(envelope()))
        assert head == b"HTTP/1.1 200 OK\r\ncontent-type: text/xml; charset=utf-8\r\ncontent-length: 7\r\n\r\n"
        assert body == b"<made/>"

    run(None, case, Forwarding(By.CANDIDATE, made))


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ("Host: gateway.example:81", "http://gateway.example:81/soap/loans"),
        ("Host: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: bank.example", "https://bank.example/soap/loans"),
        ("Host: a\r\nX-Forwarded-Proto: https, http\r\nX-Forwarded-Port: 8443", "https://a:8443/soap/loans"),
    ],
)
def test_the_wsdl_is_published_with_the_address_that_the_caller_used(headers: str, address: str) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, body = await client.ask(f"GET /soap/loans?wsdl HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        assert header(head, "content-type") == ["text/xml"]
        assert body.count(f'"{address}"'.encode()) >= 1
        assert (EXAMPLE / "loans.wsdl").read_bytes() != body
        link = body.split(b'schemaLocation="')[1].split(b'"')[0].decode()
        assert link.startswith(address + "?import=")
        query = link.partition("?")[2]
        _, schema = await client.ask(f"GET /soap/loans?{query} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        assert b"targetNamespace" in schema
        assert legacy.connections == 0

    run(answering(ok(b"<a/>")), case)


def test_a_hostile_host_does_not_get_into_the_wsdl() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(b'GET /soap/loans?wsdl HTTP/1.1\r\nHost: a"><evil/>\r\n\r\n')
        assert b"evil" not in body
        assert b'"http://127.0.0.1:' in body

    run(answering(ok(b"<a/>")), case)


def test_the_configured_address_is_published() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        _, body = await client.ask(b"GET /soap/loans?wsdl HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b'"https://bank.example/score"' in body

    run(answering(ok(b"<a/>")), case, address="https://bank.example/score")


def test_the_probe_names_the_setting_when_nobody_listens() -> None:
    async def main() -> None:
        async with legacy_server(answering(ok(b"<a/>"))) as legacy:
            data = {"path": "/a", "wsdl": "loans.wsdl", "incumbent": {"url": legacy.url}}
            soap = Soap("loans", SoapSettings.model_validate(data), EXAMPLE)
            assert list(await soap.probe()) == []
            await soap.close()
        [problem] = await soap.probe()
        assert problem.startswith(f"adapters.loans.incumbent.url: 127.0.0.1:{legacy.port} cannot be reached")

    uvloop.run(main())


def test_the_candidate_may_answer_only_where_it_is_stated_who_checks_callers() -> None:
    data: dict[str, Any] = {"path": "/a", "wsdl": "loans.wsdl"}
    assert Soap("loans", SoapSettings.model_validate(data), EXAMPLE).ceiling is Stage.SHADOW
    data["auth"] = {"none": "only the batch network reaches it"}
    assert Soap("loans", SoapSettings.model_validate(data), EXAMPLE).ceiling is Stage.LIVE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"auth": "verify"}, "must say how"),
        ({"auth": {"verify": {}}}, "say how"),
        ({"auth": {"verify": {"tokens": ["text"]}}}, "need `users`"),
        ({"auth": {"verify": {"basic": True, "users": "ada"}}}, "entry 1 of the users is not NAME:PASSWORD"),
        ({"auth": {"verify": {"basic": True, "users": {}, "certificates": ["CN=a"]}}}, "require"),
        ({"auth": {"verify": {"certificates": ["sha256:12"]}}}, "64 hex digits"),
        ({"auth": {"verify": {"certificates": ["batch"]}}}, "subject such as"),
        ({"auth": {"probe": {}}}, "needs an `incumbent`"),
        (
            {
                "auth": "probe",
                "incumbent": {"url": "http://a/", "credentials": {"basic": {"user": "u", "password": "p"}}},
            },
            "yes to everybody",
        ),
        ({"auth": {"none": "a", "probe": {}}}, "exactly one"),
        ({"understands": ["b:Session"]}, "namespace"),
        ({"faults": {"status_11": 100}}, "200"),
        ({"incumbent": {"url": "http://legacy/", "minimum_tls": "1.4"}}, "1.3"),
        ({"auth": {"none": ""}}, "at least 1"),
        ({"path": "soap"}, "begins with a slash"),
        ({"path": "/soap/"}, "does not end in one"),
        ({"path": "/soap/*"}, "expected a path"),
        ({"incumbent": {"url": "legacy:80"}}, "expected an address"),
        ({"incumbent": {"url": "http://user:secret@legacy/"}}, "without user name"),
        ({"incumbent": {"url": "http://legacy/", "timeout": 5}}, "unit"),
        ({"max_relay": "1KiB"}, "at least max_decode"),
        ({"wsld": "a"}, "wsld"),
    ],
)
def test_a_wrong_setting_is_refused_with_what_to_do(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SoapSettings.model_validate({"path": "/a", "wsdl": "a.wsdl"} | change)
