"""A one-way call is relayed as it is where the incumbent answers, and accepted with 202 where the candidate does."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop

from adapters.soap import explain
from adapters.soap.starting import started
from adapters.soap.wsdl import load
from gateway.contract import Call, ConfigError, Opaque, Raw, Unencodable, Values
from gateway.http import Limits, Router
from gateway.store.queries import ledger
from tests.inprocess import running
from tests.integration.soap.guarded import PATH, envelope
from tests.integration.wire import answering, caller, legacy_server, ok, post, serving
from tests.unit.adapters.soap.wsdls import body_type, written

TYPES = body_type(
    '<xs:sequence><xs:element name="Id" type="xs:string"/><xs:element name="Amount" type="xs:decimal"/></xs:sequence>'
)
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nX-Legacy: yes\r\nContent-Length: 0\r\n\r\n"
EMPTY = ok(envelope('<t:x xmlns:t="urn:t"/>').replace(b'<t:x xmlns:t="urn:t"/>', b""), "Content-Type: text/xml")
FAULT = b"<e:Fault><faultcode>e:Server</faultcode><faultstring>no</faultstring></e:Fault>".decode()


def described(folder: Path) -> Path:
    """A WSDL whose operation Ask is one-way."""
    path = written(folder, TYPES)
    text = re.sub(r'<w:output message="t:Out"/>|<w:output><s1.:body use="literal"/></w:output>', "", path.read_text())
    path.write_text(re.sub(r"<w:fault [^>]*/>|<w:fault .*?</w:fault>", "", text, flags=re.DOTALL))
    return path


def configured(url: str, stage: str, *, base: str = "none", auth: Any = None) -> str:
    return json.dumps({
        "store": "sqlite:///understudy.db",
        "models": {"scorer": {"type": "python", "call": "tests.models:by_amount"}},
        "adapters": {"desk": {"type": "soap", "path": PATH, "wsdl": "service.wsdl", "auth": auth or {"none": "a test"},
                              "incumbent": {"url": url, "timeout": "5s"}, "validate": "enforce"}},
        "routes": {"ask": {
            "stage": stage, "percent": 100, "candidate": "scorer", "accept": "by_amount:1", "key": "id",
            "effects": "none" if base == "none" else "recorded",
            "fields": {"id": "text", "amount": "decimal"}, "features": {"amount": None}, "answer": {"base": base},
            "sources": {"desk/Ask": {"request": {"id": "Id", "amount": "Amount"}}},
        }},
    })  # fmt: skip


def decided(terms: Mapping[str, int]) -> int:
    """How many calls were seen and are not pending any more."""
    return terms.get("seen", 0) - terms.get("pending", 0)


async def asked(
    folder: Path, stage: str, *bodies: bytes, legacy: bytes = ACCEPTED, base: str = "none", auth: Any = None
) -> tuple[list[tuple[bytes, bytes]], int, Counter[str]]:
    """The answers, how many calls legacy had, and the ledger."""
    described(folder)
    async with (
        legacy_server(answering(legacy)) as old,
        running(configured(old.url, stage, base=base, auth=auth), folder) as gateway,
    ):
        router = Router(gateway.adapters["desk"].front(gateway.dispatch).routes())  # type: ignore[union-attr]  # it has one
        async with serving(router, Limits(grace=1.0)) as served, caller(served.port) as client:
            answers = [await client.ask(post(PATH, body, "Content-Type: text/xml")) for body in bodies]
        await gateway.until(lambda: decided(ledger(gateway.engine, "ask")) == len(bodies))
        return answers, len(old.requests), gateway.ledger("ask")


@pytest.mark.parametrize("legacy", [ACCEPTED, EMPTY, ok(b""), ok(b"<html>no</html>", "Content-Type: text/html")])
@pytest.mark.parametrize("stage", ["off", "shadow"])
def test_where_the_incumbent_answers_its_bytes_come_back(tmp_path: Path, stage: str, legacy: bytes) -> None:
    [(head, body)], asked_, booked = uvloop.run(asked(tmp_path, stage, envelope(), legacy=legacy))
    assert head.split(b"\r\n")[0].split()[1] == legacy.split()[1] and asked_ == 1
    assert body == legacy.partition(b"\r\n\r\n")[2] and (b"x-legacy: yes" in head.lower()) == (legacy == ACCEPTED)
    if stage == "shadow":
        term = "not_observable:technical" if b"html" in legacy else "compared"
        assert booked == {"seen": 1, term: 1}


@pytest.mark.parametrize("stage", ["canary", "live"])
def test_the_candidate_accepts_and_legacy_is_not_asked(tmp_path: Path, stage: str) -> None:
    [(head, body)], asked_, booked = uvloop.run(asked(tmp_path, stage, envelope()))
    assert (head.startswith(b"HTTP/1.1 202"), body, asked_) == (True, b"", 0)
    assert b"content-type" not in head.lower() and b"content-length: 0" in head.lower()
    assert booked == {"seen": 1, "sampled_out": 1}


def test_what_the_candidate_cannot_take_goes_to_legacy_or_is_a_fault(tmp_path: Path) -> None:
    unreadable = envelope('<t:Ask xmlns:t="urn:t"><t:Id>1</t:Id></t:Ask>')
    negative = envelope('<t:Ask xmlns:t="urn:t"><t:Id>1</t:Id><t:Amount>-1</t:Amount></t:Ask>')
    answers, asked_, _ = uvloop.run(asked(tmp_path, "live", unreadable, negative))
    assert [head.split()[1] for head, _ in answers] == [b"500", b"202"] and asked_ == 1
    assert b"Amount" in answers[0][1] and b"x-legacy: yes" in answers[1][0].lower()


def test_with_base_incumbent_legacy_has_every_message_and_its_answer_goes_out(tmp_path: Path) -> None:
    [(head, _)], asked_, booked = uvloop.run(asked(tmp_path, "live", envelope(), base="incumbent"))
    assert (head.startswith(b"HTTP/1.1 202"), b"x-legacy: yes" in head.lower(), asked_) == (True, True, 1)
    assert booked == {"seen": 1, "compared": 1}


@pytest.mark.parametrize(("legacy", "asked_"), [(ACCEPTED, 1), (ok(b"<html>no</html>"), 2)])
def test_legacys_acceptance_is_its_yes_to_a_caller(tmp_path: Path, legacy: bytes, asked_: int) -> None:
    auth = {"probe": {"headers": ["content-type"]}}
    answers, there, _ = uvloop.run(asked(tmp_path, "live", envelope(), envelope(), legacy=legacy, auth=auth))
    assert there == asked_ and answers[1][0].split()[1] == (b"202" if asked_ == 1 else b"200")


def test_the_codec_knows_acceptance_from_anything_else(tmp_path: Path) -> None:
    codec = load(described(tmp_path)).operations["Ask"].codec
    blank = [codec.reply(Raw(b" \r\n", "text/xml", status)) for status in (0, 200, 202, 204, 500)]
    assert blank == [*[Values({})] * 4, Opaque("http:500")]
    assert codec.reply(Raw(envelope(FAULT), "text/xml", 200)) == Opaque("fault:Server")
    assert codec.reply(Raw(EMPTY.partition(b"\r\n\r\n")[2], "text/xml", 200)) == Values({})
    assert codec.reply(Raw(b"no", "text/plain", 200)) == Opaque("not_soap")
    call = Call("desk", "Ask", Raw(envelope()), codec, timeout=1)
    assert codec.encode(Values({}), call) == Raw(b"", "", 202)
    with pytest.raises(Unencodable, match="one-way"):
        codec.encode(Values({"a": 1}), call)


def test_people_are_told_that_there_is_no_response(tmp_path: Path) -> None:
    path = described(tmp_path)
    assert [one["served"] for one in explain.report(path)["operations"]] == [True, True]
    with pytest.raises(ConfigError, match="one-way"):
        explain.encode(path, {}, "Ask", response=True)
    written_ = started(str(path), "http://127.0.0.1:9/ask", "Ask")["understudy.yaml"].decode()
    assert "one-way: callers get 202" in written_ and "answer:\n" not in written_
