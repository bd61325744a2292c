"""docs/cli.md has a section for every command, and in it a line for every argument and option."""

import re
from pathlib import Path

import typer.main

from gateway.cli import app

SECTIONS = dict(
    re.findall(r"^## `understudy (\w+)[^\n]*\n(.*?)(?=^## |\Z)", Path("docs/cli.md").read_text(), re.M | re.S)
)


def commands() -> dict[str, list[str]]:
    group = typer.main.get_command(app)
    return {
        name: [word for param in command.params for word in (param.opts if param.opts[0][0] == "-" else [])]
        + [str(param.metavar) for param in command.params if param.opts[0][0] != "-"]
        for name, command in group.commands.items()  # type: ignore[attr-defined]  # typer does not export its Group
    }


def test_every_command_has_its_section_and_no_other_has_one() -> None:
    assert SECTIONS.keys() == commands().keys()


def test_every_argument_and_option_has_its_line() -> None:
    for name, words in commands().items():
        rows = re.findall(r"^\| `(--[a-z]+|[A-Z]+)\b[^|]*\|", SECTIONS[name], re.M)
        assert sorted(rows) == sorted(word.strip("[]") for word in words), name
