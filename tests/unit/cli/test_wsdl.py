"""`understudy wsdl` says what is served and why not the rest, and shows messages as payloads."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app

CORPUS = Path(__file__).parents[1] / "adapters/soap/corpus"
ASK = """<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><{name} xmlns="urn:constructs"><A>1</A>
<B>x</B><C>true</C></{name}></e:Body></e:Envelope>"""


def understudy(*words: object) -> Result:
    return CliRunner().invoke(app, ["wsdl", *map(str, words)])


def test_a_wsdl_that_is_served_whole_ends_with_0_and_is_a_json_list() -> None:
    result = understudy(CORPUS / "several.wsdl", "--json")
    [found] = json.loads(result.stdout)
    assert result.exit_code == 0
    assert found.keys() == {"file", "loads", "error", "operations"}
    assert (found["file"], found["loads"], found["error"]) == (str(CORPUS / "several.wsdl"), True, None)
    assert found["operations"][0] == {
        "service": "Scoring",
        "port": "New",
        "name": "Scoring.Score",
        "style": "document/literal",
        "soap": "1.1",
        "served": True,
        "reason": None,
    }


def test_what_cannot_be_served_is_said_and_ends_with_1(tmp_path: Path) -> None:
    result = understudy(CORPUS / "partly.wsdl", CORPUS / "several.wsdl", tmp_path / "gone.wsdl", "--json")
    found: list[Any] = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [one["loads"] for one in found] == [True, True, False]
    assert {one["name"] for one in found[0]["operations"] if one["served"]} == {"Good"}
    assert all(one["reason"] for one in found[0]["operations"] if not one["served"])
    shown = understudy(CORPUS / "partly.wsdl").stdout
    assert "passed through" in shown
    assert "overloading" in shown


@pytest.mark.parametrize("name", ["All", "AllResponse"])
def test_a_message_is_shown_as_payload_and_written_again(name: str, tmp_path: Path) -> None:
    message, payload = tmp_path / "message.xml", tmp_path / "payload.json"
    message.write_text(ASK.format(name=name))
    shown = understudy(CORPUS / "constructs.wsdl", "--decode", message)
    assert json.loads(shown.stdout) == {"A": 1, "B": "x", "C": True}
    payload.write_text(shown.stdout)
    answer = ["--response"] if name == "AllResponse" else []
    message.write_text(
        understudy(CORPUS / "constructs.wsdl", "--encode", payload, "--operation", "All", *answer).stdout
    )
    assert understudy(CORPUS / "constructs.wsdl", "--decode", message).stdout == shown.stdout


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["--encode", "payload.json"], "needs --operation", 2),
        (["--decode", "gone.xml"], "gone.xml cannot be read", 2),
        (["--encode", "payload.json", "--operation", "Nope"], "There is no operation 'Nope'", 2),
        (["--encode", "payload.json", "--operation", "All"], "A: is required", 1),
        (["--decode", "payload.json"], "0 operations", 1),
    ],
)
def test_what_is_wrong_is_a_sentence(
    words: list[str], said: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payload.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    result = understudy(CORPUS / "constructs.wsdl", *words)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
