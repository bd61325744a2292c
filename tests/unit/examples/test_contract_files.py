"""The contract on disk, the points table and the legacy service belong together and to nobody else."""

import asyncio
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.examples.credit.legacy import DOCUMENTS, PLACEHOLDER, loop_factory
from gateway.examples.credit.scorecard import TABLE, Coded

XS = "{http://www.w3.org/2001/XMLSchema}"


def text(name: str) -> str:
    return files("gateway.examples.credit").joinpath(name).read_text("utf-8")


def enumerations() -> dict[str, list[str]]:
    root = ElementTree.fromstring(text("codes.xsd"))  # noqa: S314  # our own file
    types = root.findall(f"{XS}simpleType")
    return {kind.get("name", ""): [e.get("value", "") for e in kind.iter(f"{XS}enumeration")] for kind in types}


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row, Coded)], ids=lambda row: row.name)
def test_the_schema_lists_exactly_the_codes_that_the_table_knows(row: Coded) -> None:
    assert sorted(enumerations()[row.name]) == sorted(row.codes)


def test_the_schema_lists_exactly_the_reasons_that_the_table_gives() -> None:
    assert enumerations()["Reason"] == [row.reason for row in TABLE]


def test_imports_on_disk_name_files_beside_the_contract() -> None:
    assert 'schemaLocation="loans.xsd"' in text("loans.wsdl")
    assert 'schemaLocation="codes.xsd"' in text("loans.xsd")
    assert text("loans.wsdl").count(PLACEHOLDER) == 2
    assert set(DOCUMENTS) == {"loans.wsdl", "loans.xsd", "codes.xsd"}


def test_the_legacy_service_shares_nothing_with_the_gateway_or_its_libraries() -> None:
    program = "import sys, gateway.examples.credit.legacy; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True
    )
    ours = {name for name in done.stdout.split() if name.split(".")[0] in ("gateway", "adapters", "models")}
    assert all(name in ("gateway", "gateway.examples") or name.startswith("gateway.examples.credit") for name in ours)
    assert not {"lxml", "zeep", "pydantic", "aiohttp"} & set(done.stdout.split())


def test_the_standard_event_loop_serves_where_uvloop_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory() is asyncio.new_event_loop
