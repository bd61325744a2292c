"""docs/cli.md has a section for every command, and in it a line for every argument and option."""

import re
from pathlib import Path
from typing import Any

import typer.main

from gateway.cli import app

SECTIONS = {
    name.strip(): text
    for name, text in re.findall(
        r"^## `understudy ((?:[a-z]+ ?)+)[^\n]*\n(.*?)(?=^## |\Z)", Path("docs/cli.md").read_text(), re.M | re.S
    )
}


def commands(group: Any = None, above: str = "") -> dict[str, list[str]]:
    """By name, those of a group by both names: the options and arguments."""
    found: dict[str, list[str]] = {}
    whole: Any = group or typer.main.get_command(app)
    for name, command in whole.commands.items():
        options = [word for param in command.params if param.opts[0][0] == "-" for word in param.opts]
        found[above + name] = options + [str(param.metavar) for param in command.params if param.opts[0][0] != "-"]
        if hasattr(command, "commands"):
            found |= commands(command, f"{above}{name} ")
    return found


def test_every_command_has_its_section_and_no_other_has_one() -> None:
    assert SECTIONS.keys() == commands().keys()


def test_every_argument_and_option_has_its_line() -> None:
    for name, words in commands().items():
        rows = re.findall(r"^\| `(--[a-z-]+|[A-Z]+(?:\.[a-z]+)?)\b[^|]*\|", SECTIONS[name], re.M)
        assert sorted(rows) == sorted(word.strip("[]") for word in words), name
