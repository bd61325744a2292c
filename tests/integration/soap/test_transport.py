"""What old HTTP brings around a message reaches the candidate, and its answer goes back as the caller can take it."""

import gzip
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.contract import Answer, By, Call, Failed, Made, Told, UnderstudyError, Values
from tests.integration.soap.test_front import Forwarding, read_fault, run
from tests.integration.wire import Caller, Legacy, head_of, header, post
from tests.unit.adapters.soap import bank

RESULT = {
    "ApplicationId": "GC-0001",
    "Decision": "A",
    "Score": 700,
    "DecidedOn": None,
    "Reasons": {"Reason": ["R01"] * 18},
}
MTOM = 'Content-Type: multipart/related; type="application/xop+xml"; boundary=b'


class Answering(Forwarding):
    """A gateway whose candidate answers each call from what its codec reads."""

    def __init__(self) -> None:
        super().__init__(By.CANDIDATE)

    async def answer(self, calls: Sequence[Call], told: Told | None = None) -> Sequence[Answer]:
        return [self._answered(call) for call in calls]

    def _answered(self, call: Call) -> Answer:
        assert self.soap is not None
        try:
            application: Any = call.payload["Application"]
            result = RESULT | {"ApplicationId": application["Id"], "DecidedOn": application["ReceivedOn"]}
            outcome = Values({"Result": result})
            return Made(self.soap.codecs()["ScoreLoan"].encode(outcome, call), outcome, "test:1")
        except UnderstudyError as error:
            return Failed(error)


def asked(*, gzip_: bool = False, mtom: bool = False) -> bytes:
    """A real application, packed."""
    body = bank.examples(50)["A"]
    if mtom:
        part = b"Content-Type: application/xop+xml; charset=utf-8\r\n\r\n"
        body = b"--b\r\n" + part + body + b"\r\n--b\r\n\r\nan image\r\n--b--\r\n"
    return gzip.compress(body) if gzip_ else body


@pytest.mark.parametrize(
    "headers", [["Content-Encoding: gzip"], [MTOM], [MTOM, "Content-Encoding: gzip"], []],
    ids=["gzip", "MTOM", "MTOM in gzip", "plain"],
)  # fmt: skip
def test_a_packed_request_is_found_read_and_answered_plainly(headers: list[str]) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        body = asked(gzip_="Content-Encoding: gzip" in headers, mtom=MTOM in headers)
        for _ in range(2):  # over one connection
            head, answer = await client.ask(post("/soap/loans", body, *headers, "Accept-Encoding: gzip"))
            assert head.startswith(b"HTTP/1.1 200 "), answer
            assert b"GC-0001" in answer and header(head, "content-encoding") == []

    run(None, case, Answering(), auth={"none": "a test"}, validate="enforce")


@pytest.mark.parametrize("accepted", ["gzip, deflate", "gzip;q=0", ""])
def test_an_answer_is_compressed_where_both_sides_say_so(accepted: str) -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        head, answer = await client.ask(post("/soap/loans", asked(), f"Accept-Encoding: {accepted}"))
        packed = accepted.startswith("gzip, ")
        assert header(head, "content-encoding") == (["gzip"] if packed else [])
        assert header(head, "content-length") == [str(len(answer))]
        assert b"GC-0001" in (gzip.decompress(answer) if packed else answer)

    run(None, case, Answering(), auth={"none": "a test"}, gzip=True)


def test_a_candidates_answer_to_http_1_0_and_to_chunks_after_100_continue() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        body = asked()
        head = b"POST /soap/loans HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        client.writer.write(head)
        assert await head_of(client.reader) == b"HTTP/1.1 100 Continue\r\n\r\n"
        chunks = [body[place : place + 100] for place in range(0, len(body), 100)]
        _, answer = await client.ask(b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks) + b"0\r\n\r\n")
        assert b"GC-0001" in answer
        client.writer.write(post("/soap/loans", body).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        whole = await client.rest()
        assert whole.endswith(b"</soap:Envelope>") and header(whole, "content-length")

    run(None, case, Answering(), auth={"none": "a test"})


def test_what_the_schema_forbids_is_refused_where_the_candidate_answers() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        body = asked().replace(b"GC-0001", b"gc-1")
        _, answer = await client.ask(post("/soap/loans", body))
        assert read_fault(answer)[1] == "Client"
        assert "does not allow this request" in read_fault(answer)[2]

    run(None, case, Answering(), auth={"none": "a test"}, validate="enforce")


def test_a_gzip_bomb_is_refused() -> None:
    async def case(legacy: Legacy, ours: Forwarding, client: Caller) -> None:
        bomb = gzip.compress(bank.examples(50)["A"].replace(b"</", b" " * 50_000_000 + b"</", 1))
        assert len(bomb) < 100_000
        _, answer = await client.ask(post("/soap/loans", bomb, "Content-Encoding: gzip"))
        assert "when it is inflated" in read_fault(answer)[2]

    run(None, case, Answering(), auth={"none": "a test"})
