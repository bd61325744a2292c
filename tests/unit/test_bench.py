"""What `python -m bench` writes, and how it judges; the figures themselves are nobody's to assert."""

import json
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import codec
from bench.figures import Round, ratio, result
from bench.load import Outcome
from bench.peer import decoded
from bench.rig import messages

RESULT = {"area", "case", "name", "kind", "throughput", "cpu_us", "p50_ms", "p99_ms", "spread"}
RATIO = {"area", "case", "against", "value", "goal", "met"}


def rounds(*throughputs: float) -> list[Round]:
    """Rounds of one second, each with a millisecond of CPU a call."""
    return [Round(Outcome(int(n), 1.0, 2.0, 5.0, {"200": int(n)}), {"worker-0": n / 1000}) for n in throughputs]


def test_one_area_is_measured_and_the_figures_of_the_others_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"area": "live", "case": "kept"}
    file = tmp_path / "results.json"
    file.write_text(json.dumps({"results": [other], "ratios": [{"area": "codec", "case": "replaced"}]}))
    monkeypatch.setattr(bench, "FILE", file)
    monkeypatch.setattr(codec, "ROUNDS", 1)
    monkeypatch.setattr(codec, "CALLS", 2)
    monkeypatch.setenv("ONLY", "codec")
    bench.main()
    found = json.loads(file.read_text())
    assert found["results"][0] == other
    assert {frozenset(one) for one in found["results"][1:]} == {frozenset(RESULT)}
    assert {frozenset(one) for one in found["ratios"]} == {frozenset(RATIO)}
    assert {one["kind"] for one in found["results"][1:]} == {"ours", "peer", "floor"}
    assert capsys.readouterr().out.count("(goal ") == len(found["ratios"]) == 7


def test_an_area_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match=r"no area speed; there are codec, formats, model, shadow, live"):
        bench.chosen("codec,speed")
    assert list(bench.chosen("")) == list(bench.AREAS)


def test_a_result_is_the_median_of_its_rounds() -> None:
    found = result("shadow", "case", "off", "ours", rounds(100, 300, 200), "worker-0")
    assert set(found) == RESULT
    assert (found["throughput"], found["cpu_us"], found["spread"]) == (200.0, 1000.0, 1.0)


@pytest.mark.parametrize(
    ("values", "bound", "met"),
    [([1.0, 9.0, 1.1], {"most": 1.1}, True), ([1.2], {"most": 1.1}, False), ([0.9], {"least": 0.9}, True),
     ([0.8], {"least": 0.9}, False)],
)  # fmt: skip
def test_a_goal_is_met_by_the_median(values: list[float], bound: dict[str, float], met: bool) -> None:
    found = ratio("shadow", "case", "off", values, **bound)
    assert set(found) == RATIO
    assert found["met"] is met


def test_the_peer_reads_every_field_of_a_real_message() -> None:
    fields = decoded(messages(1)[0])
    assert len(fields) == 20
    assert isinstance(fields["Age"], int)
