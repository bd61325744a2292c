"""What the demonstration concludes from bytes."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.cli.demo_rounds import Heard, play
from gateway.examples.credit.client import Caller, Exchange


def exchange(answer: str, request: str = "r", error: str = "", seconds: float = 0.0) -> Exchange:
    return Exchange(request, answer, "A", seconds, error)


class Echo(Caller):
    """A caller that answers with what it was given."""

    def __init__(self, fails_at: int = -1) -> None:
        self._fails_at = fails_at

    def score(self, request: Mapping[str, Any]) -> Exchange:
        if request["n"] == self._fails_at:
            raise RuntimeError("broken caller")
        return exchange(str(request["n"]))

    def close(self) -> None:
        """Nothing is open."""


def test_equal_bytes_are_the_incumbents_and_others_the_candidates() -> None:
    own = [exchange("a"), exchange("b"), exchange("c")]
    heard = Heard([exchange("a"), exchange("x"), exchange("c", error="Fault: no")], own)
    assert (set(heard.incumbent), set(heard.candidate), list(heard.errors)) == ({0}, {1}, ["Fault: no"])


def test_two_failures_are_not_identical_bytes() -> None:
    assert Heard([exchange("")], [exchange("")]).incumbent == frozenset()


def test_another_envelope_than_legacys_is_an_error() -> None:
    heard = Heard([exchange("a", request="one")], [exchange("a", request="other")])
    assert heard.errors == ["the envelope is not the one that legacy was sent directly"]


def test_quantiles_are_of_answered_calls_in_milliseconds() -> None:
    calls = [exchange("a", seconds=number / 1000) for number in range(1, 101)]
    heard = Heard([*calls, exchange("", error="no", seconds=9.0)], [exchange("a")] * 101)
    assert [heard.quantile(0.5), heard.quantile(0.99)] == pytest.approx([50, 99])
    assert Heard([], []).quantile(0.5) is None


def test_exchanges_are_aligned_with_their_requests() -> None:
    done: list[None] = []
    exchanges = play([Echo(), Echo(), Echo()], [{"n": number} for number in range(10)], lambda: done.append(None))
    assert ([one.answer for one in exchanges], len(done)) == ([str(number) for number in range(10)], 10)


def test_a_broken_caller_ends_the_round() -> None:
    with pytest.raises(RuntimeError, match="broken caller"):
        play([Echo(), Echo(fails_at=3)], [{"n": number} for number in range(10)], lambda: None)
