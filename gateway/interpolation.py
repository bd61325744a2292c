"""`${NAME}`, `${NAME:-default}` and `${file:/run/secrets/name}` in the texts of a configuration.

`$${` is a literal `${`."""

import re
from collections.abc import Mapping
from pathlib import Path

_REFERENCE = re.compile(
    r"(?P<escape>\$\$\{)|\$\{file:(?P<file>[^${}]+)\}|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>[^{}]*))?\}|\$\{"
)


class Unresolved(Exception):
    """A reference that has no value; the message names it and never a value."""


def names(text: str) -> set[str]:
    """The environment variables that a text refers to."""
    return {name for match in _REFERENCE.finditer(text) if (name := match["name"])}


def resolve(text: str, environ: Mapping[str, str], folder: Path) -> str:
    """The text with every reference replaced; a default also stands for an empty variable, as in a shell.

    A file's content is stripped; a relative name is below `folder`. Raises Unresolved."""
    return _REFERENCE.sub(lambda match: _value(match, environ, folder), text)


def withheld(text: str, environ: Mapping[str, str]) -> str | None:
    """The text with an empty text for whatever this process is not given: files and unset variables.

    None where nothing is missing."""
    absent = [
        match
        for match in _REFERENCE.finditer(text)
        if match["file"] or (match["name"] and match["name"] not in environ and match["default"] is None)
    ]
    if not absent:
        return None
    return _REFERENCE.sub(lambda match: "" if match["file"] else _value(match, _Empty(environ), Path()), text)


class _Empty(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return ""


def _value(match: re.Match[str], environ: Mapping[str, str], folder: Path) -> str:
    if match["escape"]:
        return "${"
    if match["file"]:
        return _content(folder / match["file"].strip())
    if not (name := match["name"]):
        raise Unresolved("expected ${NAME}, ${NAME:-default} or ${file:PATH}; write $${ for a literal ${")
    if match["default"] is not None:
        return environ.get(name) or match["default"]
    try:
        return environ[name]
    except KeyError:
        raise Unresolved(f"the environment variable {name} is not set") from None


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unresolved(f"the file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Unresolved(f"the file {path} is not UTF-8 text") from error
