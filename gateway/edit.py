"""Scalars of a YAML text set in place, every other byte kept; for `understudy stage`."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from gateway.complaints import dotted
from gateway.contract import ConfigError
from gateway.document import NAME, Document
from gateway.nodes import Alias, Core, Items, Node, Pairs, Scalar, core

Value = Core | Decimal
Path = tuple[str | int, ...]

_SAFE = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def edit(text: str, changes: Mapping[Path, Value], name: str = NAME) -> str:
    """The text with scalars set, and nothing else changed: not a comment, a quote or an empty line.

    A key that does not exist gets a line of its own in its section. Values are written as they are given, so a text
    may itself be `${NAME}`. Raises ConfigError where a place cannot be changed alone (a shared anchor, a block of
    text, a section), or the text cannot be read."""
    for path, value in changes.items():
        changed = _set(text, path, value, name)
        wanted = Document(text, name).written()
        _put(wanted, path, core(rendered(value)) if isinstance(value, Decimal) else value)
        if not _reads(changed, wanted, name):
            raise _refused(name, path, "cannot be changed alone, without what shares or surrounds it; edit it by hand")
        text = changed
    return text


def rendered(value: Value, style: str = "", key: bool = False) -> str:
    """A scalar as YAML, in the quotes that stood there before if it is a text."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str):
        return str(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style == "" and _SAFE.fullmatch(value) and (key or isinstance(core(value), str)):
        return value
    escaped = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped)


def _set(text: str, path: Path, value: Value, name: str) -> str:
    node: Node = Document(text, name).root
    key: Scalar | None = None
    for depth, part in enumerate(path):
        if isinstance(node, Pairs) and isinstance(part, str):
            if part not in node.items or part in node.merged:
                return _inserted(text, node, f"{rendered(part, key=True)}: {_nested(path[depth + 1 :], value)}")
            key, node = node.items[part]
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            key, node = None, node.items[part]
        elif isinstance(node, Scalar) and node.value is None:
            return _replaced(text, key, node, _nested(path[depth:], value), path, name)
        else:
            raise _refused(name, path, f"{dotted(path[:depth]) or 'the file'} has no place for it")
    if not isinstance(node, Scalar):
        shared = "an alias" if isinstance(node, Alias) else "a section"
        raise _refused(name, path, f"is {shared}, not a value; edit it by hand")
    return _replaced(text, key, node, rendered(value, node.style), path, name)


def _nested(rest: Path, value: Value) -> str:
    if not rest:
        return rendered(value)
    return f"{{{rendered(str(rest[0]), key=True)}: {_nested(rest[1:], value)}}}"


def _replaced(text: str, key: Scalar | None, old: Scalar, new: str, path: Path, name: str) -> str:
    if old.style in ("|", ">"):
        raise _refused(name, path, "is a block of text; edit it by hand")
    if old.anchor:
        raise _refused(name, path, f"is shared as &{old.anchor}; edit it by hand")
    if old.start < old.end:
        return text[: old.start] + new + text[old.end :]
    if key is None:
        raise _refused(name, path, "is an empty item; edit it by hand")
    colon = re.compile(r"\s*:").match(text, key.end)
    place = colon.end() if colon else key.end
    return f"{text[:place]}{'' if colon else ':'} {new}{text[place:]}"


def _inserted(text: str, section: Pairs, row: str) -> str:
    """The text with one more row in a section: after its first plain row, so that a comment above stays there."""
    own = [(key, value) for name, (key, value) in section.items.items() if name not in section.merged]
    plain = [(key, value) for key, value in own if isinstance(value, Scalar) and value.style not in ("|", ">")]
    ends = [value.end for _, value in plain if value.start < value.end]
    if section.flow and ends:
        return f"{text[: ends[0]]}, {row}{text[ends[0] :]}"
    if section.flow:
        place = text.index("{", section.start) + 1
        return f"{text[:place]}{row}{', ' if section.items else ''}{text[place:]}"
    newline = "\r\n" if "\r\n" in text else "\n"
    if not plain:
        place, indent = (own[0][0].start, own[0][0].column) if own else (section.start, 0)
        return f"{text[:place]}{row}{newline}{' ' * indent}{text[place:]}"
    key, value = plain[0]
    row = " " * key.column + row
    end = text.find("\n", value.end if value.start < value.end else key.end)
    return f"{text}{newline}{row}" if end < 0 else f"{text[: end + 1]}{row}{newline}{text[end + 1 :]}"


def _put(data: Any, path: Path, value: Core) -> None:
    for part in path[:-1]:
        if isinstance(data, dict) and data.get(part) is None:
            data[part] = {}
        data = data[part]
    data[path[-1]] = value


def _reads(text: str, wanted: Any, name: str) -> bool:
    try:
        return _same(Document(text, name).written(), wanted)
    except ConfigError:
        return False


def _same(left: Any, right: Any) -> bool:
    """Equal, and of the same types: true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and bool(left == right)


def _refused(name: str, path: Sequence[str | int], reason: str) -> ConfigError:
    return ConfigError(f"{name}: {dotted(path)}: {reason}")
