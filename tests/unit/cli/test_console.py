"""What is printed can be read, whoever wrote it."""

import pytest

from gateway.cli import console
from gateway.report.rate import rate


def test_control_characters_and_markup_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.line("\x1b]0;owned\x07 [red]")
    console.console().print(console.table("t", ["a"], [["[bold]x\x1b[2J\n"], [None]]))
    out = capsys.readouterr().out
    assert "\\x1b]0;owned\\x07 [red]" in out
    assert "[bold]x\\x1b[2J\\n" in out


def test_a_long_line_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    console.line("word " * 100)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_rate_says_how_sure_it_is() -> None:
    assert console.share(90, 100) == "90.00% (82.56% to 94.48%)"
    assert console.share(0, 0) == "nothing compared"
    assert rate(0, 0)["rate"] is None
