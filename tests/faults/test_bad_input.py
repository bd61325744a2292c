"""Bad input to real processes: relayed byte for byte where the incumbent answers, else a clear fault; all counted."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load import envelopes, until
from tests.served import ROUTE, Served, served

GOOD = envelopes()[0]
ACTION = '"http://bank.example/loans/2004/05/ScoreLoan"'
MILLION = 1_000_000
OLD, NEW = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
MEDIA = {OLD: "text/xml; charset=utf-8", NEW: "application/soap+xml; charset=utf-8"}

MALFORMED = GOOD[:-40]
NONSENSE = b"<nonsense"
DOCTYPE = GOOD.replace(b"?>", b"?><!DOCTYPE x [<!ENTITY a 'b'>]>", 1)
WRONG_OPERATION = GOOD.replace(b"ScoreLoan", b"ScoreHouse")
MISSING = re.sub(rb"<ns0:Age>.*?</ns0:Age>", b"", GOOD)
UNKNOWN_CODE = GOOD.replace(b">A11<", b">A99<")
LARGE = GOOD.replace(b"</ns0:Id>", b" " * 5 * MILLION + b"</ns0:Id>")


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway in stage shadow."""
    with served(tmp_path_factory.mktemp("shadow")) as one:
        yield one


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway in stage live, with the incumbent to fall back to."""
    with served(tmp_path_factory.mktemp("live"), stage="live") as one:
        until(lambda: one.post(GOOD)[1] != one.ask_legacy(GOOD), "the candidate to answer")
        one.quiet()
        yield one


def passed(one: Served, reason: str) -> float:
    """How many calls went by the core for this reason."""
    return one.metric("understudy_passed_total", reason=reason)


# Where the incumbent answers


@pytest.mark.parametrize("envelope", [OLD, NEW], ids=["SOAP 1.1", "SOAP 1.2"])
@pytest.mark.parametrize(
    ("body", "term"),
    [(MALFORMED, "undecodable"), (MISSING, "undecodable"), (UNKNOWN_CODE, "undecodable"), (GOOD, "compared"),
     (LARGE, "not_observable:too_large")],
    ids=["malformed", "a field is missing", "unknown code", "good", "5 MB"],
)  # fmt: skip
def test_shadow_relays_what_it_finds_the_operation_of(shadow: Served, body: bytes, term: str, envelope: str) -> None:
    body = body.replace(OLD.encode(), envelope.encode())
    before = shadow.ledger()
    _, answer = shadow.post(body, MEDIA[envelope], SOAPAction=ACTION)
    assert shadow.settled(before, 1) == {"seen": 1, term: 1}
    assert answer == shadow.ask_legacy(body, MEDIA[envelope])


@pytest.mark.parametrize(
    "body", [NONSENSE, DOCTYPE, WRONG_OPERATION, b""], ids=["nonsense", "DOCTYPE", "wrong operation", "empty"]
)
@pytest.mark.parametrize("stage", ["shadow", "live"])
def test_what_names_no_operation_is_relayed_in_every_stage(
    request: pytest.FixtureRequest, stage: str, body: bytes
) -> None:
    gateway: Served = request.getfixturevalue(stage)
    before = passed(gateway, "no_operation")
    assert gateway.post(body)[1] == gateway.ask_legacy(body)
    until(lambda: passed(gateway, "no_operation") == before + 1, "the call to be counted")


def test_a_doctype_is_relayed_in_shadow(shadow: Served) -> None:
    before = shadow.ledger()
    assert shadow.post(DOCTYPE, SOAPAction=ACTION)[1] == shadow.ask_legacy(DOCTYPE)
    assert shadow.settled(before, 1) == {"seen": 1, "undecodable": 1}


# Where the candidate answers

KNOWN = b", ".join(b"&apos;A%d&apos;" % code for code in range(11, 15))
UNKNOWN_SAYS = b"The value &apos;A99&apos; is not an element of the set {%b}. Correct the request" % KNOWN
"""As libxml2 puts it: the gateways of these tests enforce the schema."""


@pytest.mark.parametrize("envelope", [OLD, NEW], ids=["SOAP 1.1", "SOAP 1.2"])
@pytest.mark.parametrize(
    ("body", "says", "term"),
    [
        (MALFORMED, b"not well-formed XML", "Undecodable"),
        (DOCTYPE, b"DOCTYPE", "Undecodable"),
        (MISSING, b"}Age ). Correct the request", "Undecodable"),
        (UNKNOWN_CODE, UNKNOWN_SAYS, "Undecodable"),
        (LARGE, b"larger than 1048576 bytes, the most that is accepted here. Send less", "over_max_decode"),
    ],
    ids=["malformed", "DOCTYPE", "a field is missing", "unknown code", "5 MB"],
)
def test_live_says_what_is_wrong_with_what_it_cannot_read(
    live: Served, body: bytes, says: bytes, term: str, envelope: str
) -> None:
    before = live.ledger()
    body = body.replace(OLD.encode(), envelope.encode())
    status, answer = live.post(body, MEDIA[envelope], SOAPAction=ACTION)
    assert live.settled(before, 1) == {"seen": 1, f"not_observable:{term}": 1}
    assert status == (400 if envelope == NEW else 500)
    assert envelope.encode() in answer and b"Fault>" in answer
    assert says in answer.replace(b"'", b"&apos;")


ONLY_CARS = {"from": "Application.Loan.Purpose", "codes": {"A40": "A40"}}
"""A code table that knows one purpose only."""


def test_what_can_be_read_and_not_mapped_goes_to_the_incumbent(live: Served) -> None:
    sources = live.route()["sources"]
    source = sources["loans_soap/ScoreLoan"]
    live.edit(sources={"loans_soap/ScoreLoan": source | {"request": source["request"] | {"purpose": ONLY_CARS}}})
    try:
        car = GOOD.replace(b">A43<", b">A40<")
        assert live.post(car)[1] != live.ask_legacy(car)
        before = live.quiet()
        assert live.post(GOOD)[1] == live.ask_legacy(GOOD)
        assert live.settled(before, 1) == {"seen": 1, "failed": 1}
    finally:
        live.edit(sources=sources)


# What the model says


def test_what_a_faulty_model_says_reaches_nobody(tmp_path: Path) -> None:
    """In shadow it is booked as failed; in live the incumbent answers; nobody ever sees what the model said."""
    with served(tmp_path, warm=False) as gateway:
        theirs = gateway.ask_legacy(GOOD)
        for name in ("not_a_number", "out_of_range", "raising"):
            content = gateway.content()
            content["models"]["credit"]["call"] = f"tests.faults.faulty:{name}"
            for stage in ("shadow", "live"):
                content["routes"][ROUTE] |= {"stage": stage, "accept": f"{name}:1"}
                gateway.write(content)
                gateway.ready()
                before = gateway.ledger()
                assert gateway.post(GOOD) == (200, theirs)
                assert gateway.settled(before, 1) == {"seen": 1, "failed": 1}
        assert gateway.metric("understudy_calls_total", reason="fallback:BadPrediction") == 2


def test_without_an_incumbent_every_failure_is_a_fault_in_the_callers_version(tmp_path: Path) -> None:
    model = {"type": "python", "call": "tests.faults.faulty:not_a_number"}
    alone = {"loans_soap": {"incumbent": None}}
    with served(tmp_path, stage="live", model=model, accept="not_a_number:1", adapters=alone) as gateway:
        before = gateway.ledger()
        for number, (envelope, media) in enumerate(MEDIA.items()):
            good = GOOD.replace(OLD.encode(), envelope.encode())
            for body, code, says in (
                (good, (b"Server", b"Receiver")[number], b"could not be answered. Try again later"),
                (good[:-40], (b"Client", b"Sender")[number], b"Correct the request and send it again"),
            ):
                status, answer = gateway.post(body, media)
                assert status in (400, 500) and envelope.encode() in answer
                assert b"soap:" + code in answer and says in answer
        ledger = gateway.settled(before, 4)
        assert ledger == {"seen": 4, "not_observable:BadPrediction": 2, "not_observable:Undecodable": 2}


# Size


def peak(pid: int) -> int:
    """The most memory that a process has had, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


class Stream:
    """A body of so many bytes that is never in memory whole."""

    def __init__(self, size: int) -> None:
        self._left = size

    def read(self, most: int) -> bytes:
        """The next bytes."""
        part = b" " * min(most, self._left)
        self._left -= len(part)
        return part


@pytest.mark.parametrize("stage", ["shadow", "live"])
def test_a_body_of_100_mb_is_answered_with_a_fault_and_takes_no_memory(
    request: pytest.FixtureRequest, stage: str
) -> None:
    gateway: Served = request.getfixturevalue(stage)
    before, counted = peak(gateway.pid("worker-0")), passed(gateway, "over_max_relay")
    headers = {"Content-Length": str(100 * MILLION)}
    status, answer = gateway.post(Stream(100 * MILLION), **headers)
    assert status == 500 and b"larger than 67108864 bytes" in answer
    until(lambda: passed(gateway, "over_max_relay") == counted + 1, "the refusal to be counted")
    assert peak(gateway.pid("worker-0")) - before < 16 * MILLION
    assert gateway.post(GOOD)[0] == 200


@pytest.mark.parametrize("stage", ["shadow", "live"])
def test_a_body_of_60_mb_is_streamed_through(request: pytest.FixtureRequest, stage: str) -> None:
    """What is not ours to judge goes to the incumbent and takes no more memory than a small one."""
    gateway: Served = request.getfixturevalue(stage)
    before, counted = peak(gateway.pid("worker-0")), passed(gateway, "no_operation")
    status, answer = gateway.post(Stream(60 * MILLION), **{"Content-Length": str(60 * MILLION)})
    assert status == 500 and b"not well-formed" in answer
    until(lambda: passed(gateway, "no_operation") == counted + 1, "the call to be counted")
    assert peak(gateway.pid("worker-0")) - before < 16 * MILLION


def test_a_body_of_100_mb_in_chunks_takes_no_memory(shadow: Served) -> None:
    """Nobody says how large it is; it is passed on as it comes, until the incumbent or the limit refuses it."""
    before, counted = peak(shadow.pid("worker-0")), shadow.metric("understudy_passed_total")
    status, _ = shadow.post(b" " * MILLION for _ in range(100))
    assert status in (411, 500)
    until(lambda: shadow.metric("understudy_passed_total") == counted + 1, "the call to be counted")
    assert peak(shadow.pid("worker-0")) - before < 16 * MILLION
    assert shadow.post(GOOD)[0] == 200
