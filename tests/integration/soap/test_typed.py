"""A caller of another protocol is answered by a SOAP service: values are translated both ways, and compared."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import gateway.examples.credit as example
from adapters.memory import Memory, Message
from gateway.contract import Answer, ConfigError, Failed, IncumbentFailed, Made, Raw, Relayed, Undecodable, Unmappable
from gateway.examples.credit.legacy import LoanScoring
from gateway.examples.credit.listener import Connection, Request, Response
from gateway.store import queries
from tests.inprocess import InProcess, running
from tests.unit.adapters.soap import bank

CONFIG = """
store: sqlite:///understudy.db
models:
  scorer: {{type: python, call: "{model}"}}
adapters:
  queue: {{type: memory, operations: [Score], timeout: 5s}}
  loans: {{type: soap, path: /loans, wsdl: loans.wsdl, incumbent: {{url: "http://127.0.0.1:{port}/loans"}}}}
routes:
  loan:
    stage: {stage}
    candidate: scorer
    accept: "{accept}"
    effects: none
    key: id
    fields:
      id: text
      age: integer
      amount: decimal
      received: {{type: date}}
      checking: text
      remarks: {{type: text, optional: true}}
    features: {{amount: }}
    answer:
      fields:
        decision: {{from: probability_bad, bands: [{{below: 0.5, value: approve}}, {{value: reject}}]}}
        score: {{from: probability_bad, scale: -1000, offset: 1000}}
    compare: {{score: {{absolute: 1000}}}}
    sources:
      queue/Score:
        request: {{id: id, age: age, amount: {{from: cents, scale: 0.01}}, received: day, checking: account}}
        answer: {{decision: decision, score: score}}
    incumbent:
      adapter: loans
      operation: {operation}
      constants:
        Application.Applicant.Employment: A73
        Application.Applicant.Job: A173
        Application.Applicant.Housing: A152
        Application.Applicant.Dependents: 1
        Application.Loan.DurationMonths: 24
        Application.Loan.Purpose: A43
        Application.Loan.InstallmentRate: "2"
        Application.Accounts.History: A32
        Application.Accounts.ExistingCredits: 1
        Application.Security.OtherDebtors: A101
        Application.Security.OtherPlans: A143
        Application.@Channel: {channel}
      request:
        id: Application.Id
        age: Application.Applicant.Age
        amount: Application.Loan.Amount
        received: Application.ReceivedOn
        checking: {{from: Application.Accounts.Checking, codes: {{A11: none, A12: some, A13: much, A14: {odd}}}}}
      answer:
        decision: {{from: Result.Decision, codes: {{A: approve, R: reject, M: manual}}}}
        score: Result.Score
"""


class Recording(LoanScoring):
    """The old service, with the requests that it was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return super().__call__(request)


GOOD = {"id": "GC-0001", "age": 40, "cents": 250_050, "day": "2004-05-17", "account": "much"}


@asynccontextmanager
async def bank_of_2004() -> AsyncIterator[tuple[Recording, int]]:
    """The example's legacy service in this very loop, and its port."""
    service = Recording()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(service), "127.0.0.1", 0)
    try:
        yield service, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def run(folder: Path, case: Callable[[InProcess, Recording], Awaitable[None]], **more: str) -> None:
    for name in ("loans.wsdl", "loans.xsd", "codes.xsd"):
        (folder / name).write_bytes((Path(example.__path__[0]) / name).read_bytes())
    settings = {"stage": "shadow", "operation": "ScoreLoan", "channel": "BRANCH", "odd": "unknown",
                "model": "models.local:constant", "accept": "constant:1"} | more  # fmt: skip

    async def main() -> None:
        async with bank_of_2004() as (service, port), running(CONFIG.format(port=port, **settings), folder) as gateway:
            await case(gateway, service)
            for adapter in gateway.adapters.values():
                await adapter.close()

    asyncio.run(main())


async def exchange(gateway: InProcess, *bodies: bytes) -> Sequence[Answer]:
    """The answers to these messages, by the gateway itself: a queue would deliver again what nobody could answer."""
    box = gateway.adapters["queue"]
    assert isinstance(box, Memory)
    return await gateway.dispatch.answer([box.call(Message(f"m{n}", "Score", body)) for n, body in enumerate(bodies)])


def test_in_shadow_the_caller_gets_legacys_values_in_its_own_format_and_they_are_compared(tmp_path: Path) -> None:
    async def case(gateway: InProcess, service: Recording) -> None:
        answers = await exchange(gateway, *[json.dumps(GOOD | {"id": f"GC-{n:04}"}).encode() for n in range(30)])
        for answer in answers:
            assert isinstance(answer, Relayed)
            reply = json.loads(answer.raw.body, parse_float=Decimal)
            assert reply.keys() == {"decision", "score"} and reply["decision"] in ("approve", "reject", "manual")
            assert answer.raw.media == "application/json"
        assert service.counts["ScoreLoan"] == 30
        await gateway.until(lambda: gateway.ledger("loan")["compared"] == 30)
        assert queries.balance(queries.ledger(gateway.engine, "loan")) == 0

    run(tmp_path, case)


def test_legacy_is_asked_once_in_its_own_contract_and_its_score_is_what_the_caller_gets(tmp_path: Path) -> None:
    async def case(gateway: InProcess, service: Recording) -> None:
        [answer] = await exchange(gateway, json.dumps(GOOD).encode())
        assert isinstance(answer, Relayed)
        [request] = service.requests
        assert request.headers["soapaction"] == '"http://bank.example/loans/2004/05/ScoreLoan"'
        operation = bank.contract().operations["ScoreLoan"]
        asked = operation.codec.request(Raw(request.body, request.headers["content-type"]))
        assert asked["Application"]["Loan"] == {
            "DurationMonths": 24, "Amount": Decimal("2500.5"), "Purpose": "A43", "InstallmentRate": 2,
        }  # fmt: skip
        assert asked["Application"]["ReceivedOn"] == date(2004, 5, 17)
        assert asked["Application"]["Accounts"]["Checking"] == "A13"
        score = json.loads(answer.raw.body)["score"]
        assert f"<ns1:Score>{score}<" in bank.ask(request.body).body.decode()

    run(tmp_path, case)


def test_a_declared_fault_of_legacy_is_the_callers_refusal(tmp_path: Path) -> None:
    async def case(gateway: InProcess, service: Recording) -> None:
        [answer] = await exchange(gateway, json.dumps(GOOD | {"age": 3}).encode())
        assert isinstance(answer, Relayed)
        reply = json.loads(answer.raw.body)
        assert (reply["fault"], reply["detail"]["Code"]) == ("InvalidApplication", "E04")
        await gateway.until(lambda: gateway.ledger("loan")["compared"] == 1)

    run(tmp_path, case)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (b"no json", Undecodable, "JSON"),
        (json.dumps(GOOD | {"age": "old"}).encode(), Unmappable, "age"),
        (json.dumps(GOOD | {"account": "gold"}).encode(), Unmappable, "checking: there is no code"),
        (json.dumps(GOOD | {"cents": 12.5}).encode(), IncumbentFailed, "cannot be asked: Application.Loan.Amount"),
    ],
)
def test_what_cannot_be_translated_fails_with_what_is_wrong_and_asks_nobody(
    body: bytes, error: type[Exception], words: str, tmp_path: Path
) -> None:
    async def case(gateway: InProcess, service: Recording) -> None:
        [answer] = await exchange(gateway, body)
        assert isinstance(answer, Failed)
        assert isinstance(answer.error, error) and words in str(answer.error)
        assert not service.counts
        await gateway.until(lambda: gateway.ledger("loan")["seen"] == 1)

    run(tmp_path, case)


def test_in_live_the_candidate_answers_and_where_it_fails_the_translated_incumbent(tmp_path: Path) -> None:
    async def made(gateway: InProcess, service: Recording) -> None:
        [answer] = await exchange(gateway, json.dumps(GOOD).encode())
        assert isinstance(answer, Made) and not service.counts

    async def fallen_back(gateway: InProcess, service: Recording) -> None:
        [answer] = await exchange(gateway, json.dumps(GOOD).encode())
        assert isinstance(answer, Relayed) and service.counts["ScoreLoan"] == 1

    run(tmp_path, made, stage="live")
    run(tmp_path, fallen_back, stage="live", model="tests.models:raising", accept="raising:1")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"operation": "Score"}, "incumbent.operation: Score of loans is not there"),
        ({"odd": "much"}, "incumbent.request.checking: codes 'A13' and 'A14' both mean 'much'"),
    ],
)
def test_an_incumbent_that_cannot_be_asked_is_a_configuration_error(
    more: dict[str, Any], words: str, tmp_path: Path
) -> None:
    async def case(gateway: InProcess, service: Recording) -> None:
        raise AssertionError("it must not start")

    with pytest.raises(ConfigError, match=words):
        run(tmp_path, case, **more)
