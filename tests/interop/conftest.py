"""The example served for a whole session, and every client made from what it serves."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import gateway.examples.credit as example
from tests.conftest import programs
from tests.interop import scoring
from tests.interop.clients import CALLERS, Client
from tests.interop.rig import Caller, Stages
from tests.served import ROUTE, served


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    """The example with its batches routed too."""
    route = {"sources": {"loans_soap/ScoreBatch": _batches()}}
    folder = tmp_path_factory.mktemp("gateway")
    with served(folder, stage="off", model=scoring.CALL, accept=scoring.TAG, routes={ROUTE: route}) as gateway:
        yield Stages(gateway)


def _batches() -> dict[str, Any]:
    """The rules of ScoreBatch: those of ScoreLoan, seen from one record."""
    content = YAML(typ="safe").load(Path(example.__path__[0]) / "understudy.yaml")
    single = content["routes"][ROUTE]["sources"]["loans_soap/ScoreLoan"]
    return {
        "request": {name: _below(rule, "Application.") for name, rule in single["request"].items()},
        "answer": {name: _below(rule, "Result.") for name, rule in single["answer"].items()},
        "each": {
            "records": "Applications.Application",
            "answers": "Results.Result",
            "key": "BatchId",
            "around": {"BatchId": "BatchId"},
        },
    }


def _below(rule: Any, prefix: str) -> Any:
    if isinstance(rule, str):
        return rule.removeprefix(prefix)
    return rule | {"from": rule["from"].removeprefix(prefix)}


@pytest.fixture(scope="session")
def made(
    stages: Stages, tmp_path_factory: pytest.TempPathFactory, record_testsuite_property: Callable[[str, object], None]
) -> Callable[[Client], Path]:
    """The folder of a client, made on first use from the running gateway's WSDL; its release is reported."""
    folders: dict[str, Path] = {}

    def folder(client: Client) -> Path:
        if client.name not in folders:
            if client.service:
                programs(client.service)
            new = tmp_path_factory.mktemp(client.name)
            client.build(new, stages.wsdl)
            record_testsuite_property(client.name, client.released(new))
            folders[client.name] = new
        return folders[client.name]

    return folder


@pytest.fixture(scope="session")
def callers() -> dict[tuple[str, str], Caller]:
    """Those that were made."""
    return {}


@pytest.fixture(params=CALLERS, ids=lambda pair: f"{pair[0].name}-{pair[1]}")
def caller(
    request: pytest.FixtureRequest, stages: Stages, made: Callable[[Client], Path],
    callers: dict[tuple[str, str], Caller],
) -> Caller:  # fmt: skip
    """Each client in each SOAP version that it speaks."""
    client, version = request.param
    known = callers.get((client.name, version))
    if known is None:
        known = Caller(client, version, made(client), stages.wsdl, stages.gateway.legacy.url)
        callers[client.name, version] = known
    return known
