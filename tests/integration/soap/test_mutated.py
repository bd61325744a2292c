"""5,000 mutated envelopes in stage live: each is answered by a SOAP fault, or by what a parser reads in it."""

import random
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import uvloop
from lxml import etree

import gateway.examples.credit as credit
from adapters.soap.wsdl import load
from gateway.contract import Front, Message, Raw, Undecodable, Values
from tests.inprocess import running
from tests.unit.adapters.soap import bank
from tests.unit.adapters.soap.test_mutations import mutated

SEED, COUNT = 20040517, 5000
MODELS = 'models:\n  credit: {type: python, call: "models.local:constant"}\n\n'
ENVELOPES = ("http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")


def configuration() -> str:
    """The example in stage live with a constant model, and nobody beside it."""
    text = (Path(credit.__file__).parent / "understudy.yaml").read_text()
    text = re.sub(r"^models:\n.*?^(?=\S)", MODELS, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^ *incumbent: \{url.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\bstage: shadow\b", "stage: live", text).replace("${UNDERSTUDY_MODEL:-none}", "constant:1")


async def answered(front: Front, body: bytes) -> Raw:
    """What a caller gets for this body."""
    sent: list[Message] = []
    headers = [(b"content-type", b"text/xml; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http", "method": "POST", "raw_path": b"/soap/loans", "path": "/soap/loans", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await front.routes()["/soap/loans/*"](scope, receive, send)
    return Raw(b"".join(one.get("body", b"") for one in sent), "text/xml", sent[0]["status"])


def is_fault(raw: Raw) -> bool:
    """Whether it is one of either version, with a status that says so."""
    root = etree.fromstring(raw.body)
    namespace = etree.QName(root).namespace
    faults = root.findall(f"{{{namespace}}}Body/{{{namespace}}}Fault")
    return raw.status in (400, 500) and namespace in ENVELOPES and len(faults) == 1


def test_each_answer_is_a_fault_or_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in Path(credit.__file__).parent.glob("*.[wx]s*"):
        shutil.copy(file, tmp_path)
    envelopes = [body for kind, body in sorted(bank.examples(50).items()) if kind != "fault"]
    random_, found = random.Random(SEED), {"fault": 0, "right": 0}

    async def case() -> None:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        async with running(configuration(), tmp_path, observe=False) as gateway:
            front = gateway.adapters["loans_soap"].front(gateway.dispatch)
            assert front is not None
            whole = await answered(front, envelopes[0])
            assert (whole.status, right(envelopes[0], whole)) == (200, True)
            for number in range(COUNT):
                body = mutated(random_, envelopes[number % len(envelopes)])
                raw = await answered(front, body)
                kind = "right" if raw.status == 200 else "fault"
                assert right(body, raw) if kind == "right" else is_fault(raw), (SEED, number, body, raw)
                found[kind] += 1

    # What the parser reads, without what the gateway has learnt of earlier messages.
    parser = load(tmp_path / "loans.wsdl").operations["ScoreLoan"].codec

    def right(body: bytes, raw: Raw) -> bool:
        answer = parser.reply(raw)
        try:
            asked: Mapping[str, Any] = parser.request(Raw(body + b"<!-- -->", "text/xml; charset=utf-8"))
        except Undecodable:
            asked = parser.request(Raw(body, "text/xml; charset=utf-8"))
        application = asked["Application"]
        expected = {
            "ApplicationId": application["Id"].strip().upper(), "Decision": "A", "Score": 750,
            "DecidedOn": application["ReceivedOn"],
        }  # fmt: skip
        assert isinstance(answer, Values), answer
        result = answer.fields["Result"]
        return {name: result[name] for name in expected} == expected

    uvloop.run(case())
    assert found["fault"] > 2000, (SEED, found)
    assert found["right"] > 100, (SEED, found)
