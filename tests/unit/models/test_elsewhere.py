"""Servers of three other protocols are asked in their own words, and what they answer is never taken on trust."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.contract import CandidateFailed, Model, ModelChanged, ModelUnavailable, Row, RowError
from models.elsewhere import Elsewhere, HttpSettings
from tests.foreign import Server, serving

PATHS = {
    "open_inference": "/v2/models/credit/infer",
    "mlflow": "/invocations",
    "tensorflow": "/v1/models/credit/versions/7:predict",
}
OUTPUTS = {
    "probability_bad": {"type": "number", "minimum": 0.0, "maximum": 1.0},
    "why": {"type": "list", "items": {"type": "text"}},
}


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def server(running: Server) -> Server:
    """The server, which remembers nothing of the tests before."""
    running.asked.clear()
    running.change = lambda reply: reply
    return running


def settings(server: Server, protocol: str, **more: Any) -> HttpSettings:
    inputs = {"amount": {"type": "integer"}, "purpose": {"type": "text"}}
    given = {"url": f"http://127.0.0.1:{server.server_port}/", "protocol": protocol, "tag": "credit:7"}
    return HttpSettings.model_validate(given | {"inputs": inputs, "outputs": OUTPUTS} | more)


def asked(settings: HttpSettings, *rows: Row) -> Any:
    """What the connected model says of the rows."""

    async def case() -> Any:
        model: Model = await Elsewhere("credit", settings, Path()).connect("")
        try:
            return await model.predict(rows, 10)
        finally:
            await model.close()

    return asyncio.run(case())


def row(amount: object) -> Row:
    return {"amount": amount, "purpose": "car"}


@pytest.mark.parametrize("protocol", PATHS)
def test_rows_are_sent_in_the_servers_words_and_come_back_in_order(server: Server, protocol: str) -> None:
    found = asked(settings(server, protocol, headers={"Authorization": "Bearer x"}), row(500), row(1000))
    assert found == [{"probability_bad": 0.25, "why": ["amount"]}, {"probability_bad": 0.5, "why": ["amount"]}]
    [(path, headers, _)] = server.asked
    assert (path, headers["Authorization"]) == (PATHS[protocol], "Bearer x")


def test_a_tensor_has_name_shape_type_and_data(server: Server) -> None:
    asked(settings(server, "open_inference"), row(500), row(1000))
    assert server.asked[0][2] == {
        "inputs": [
            {"name": "amount", "shape": [2, 1], "datatype": "INT64", "data": [500, 1000]},
            {"name": "purpose", "shape": [2, 1], "datatype": "BYTES", "data": ["car", "car"]},
        ]
    }


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("bad", [-1, None, "much"])
def test_a_bad_record_fails_alone_and_nothing_of_the_servers_text_is_told(
    server: Server, protocol: str, bad: object
) -> None:
    found = asked(settings(server, protocol), row(500), row(bad), *[row(1000)] * 6)
    assert [isinstance(one, RowError) for one in found] == [False, True, *[False] * 6]
    assert "person" not in found[1].message


@pytest.mark.parametrize("protocol", ["mlflow", "tensorflow"])
@pytest.mark.parametrize("predictions", [[0.25, 0.5], [[0.25], [0.5]]])
def test_a_bare_prediction_is_that_of_the_only_output(server: Server, protocol: str, predictions: object) -> None:
    server.change = lambda _: {"predictions": predictions}
    found = asked(settings(server, protocol, outputs={"probability_bad": OUTPUTS["probability_bad"]}), row(1), row(2))
    assert found == [{"probability_bad": 0.25}, {"probability_bad": 0.5}]


def test_an_answer_of_another_version_is_refused(server: Server) -> None:
    server.change = lambda reply: reply | {"model_version": "8"}
    with pytest.raises(ModelChanged, match=r"'credit:8' answered in place of credit:7"):
        asked(settings(server, "open_inference"), row(1))


def test_a_server_without_versions_is_taken_at_the_operators_word(server: Server) -> None:
    server.change = lambda reply: {"outputs": reply["outputs"]}
    assert asked(settings(server, "open_inference"), row(500)) == [{"probability_bad": 0.25, "why": ["amount"]}]


NONSENSE: Mapping[str, object] = {
    "not JSON": b"<html>",
    "NaN, which is no JSON": b'{"predictions": [NaN], "outputs": [{"name": "probability_bad", "data": [NaN]}]}',
    "a list": [],
    "nothing": {},
    "too few": {"predictions": [], "outputs": [{"name": "probability_bad", "shape": [3], "data": [0.1, 0.2, 0.3]}]},
    "of another type": {"predictions": "no", "outputs": [{"name": "probability_bad", "data": "no"}]},
    "bare, with two outputs": {"predictions": [1, 2], "outputs": [{"name": "probability_bad"}]},
}


@pytest.mark.parametrize("protocol", PATHS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_an_error_of_the_candidate(server: Server, protocol: str, nonsense: str) -> None:
    server.change = lambda _: NONSENSE[nonsense]
    with pytest.raises(CandidateFailed):
        asked(settings(server, protocol), row(1), row(2))


@pytest.mark.parametrize("protocol", PATHS)
def test_an_example_that_cannot_be_scored_keeps_the_model_unconnected(server: Server, protocol: str) -> None:
    with pytest.raises(ModelUnavailable):
        asked(settings(server, protocol, example=row(-1)), row(1))
    assert asked(settings(server, protocol, example=row(1)), row(500))


def test_a_server_that_is_not_there_is_unavailable(server: Server) -> None:
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        asked(settings(server, "mlflow", url="http://127.0.0.1:9"), row(1))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"protocol": "grpc"}, "open_inference"),
        ({"tag": "credit"}, "tag"),
        ({"outputs": {}}, "outputs"),
        ({"outputs": {"why": {"type": "list"}}}, "items"),
        ({"inputs": {"amount": {"type": "number", "optional": True}}}, "a tensor of open_inference"),
        ({"headers": {"X": "a\nb"}}, "printable"),
    ],
)
def test_wrong_settings_are_refused(server: Server, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        settings(server, **({"protocol": "open_inference"} | change))
