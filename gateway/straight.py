"""Straight code for the plain case of a mapping, written when it is compiled, at half of what a loop costs.

It reads or makes one value after the other. Whatever is not plain ends it, by None or by an exception, and the loop
that it stands in for does the work again and says what is wrong. Where it gives a result, the loop gives the same.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from gateway.contract import Path

Straight = Callable[[Any], dict[str, Any] | None]
Way = Callable[[Any], Any]


def reading(fields: Iterable[tuple[str, Path, Way, bool, type | None]]) -> Straight:
    """The code of `gateway.fields.Fields.read`, of its fields. Lists, and elements that also have attributes, are not
    plain; nor is a missing value that must be there."""
    lines = ["values = {}", *_checked("source")]
    known: dict[str, Any] = {}
    groups: dict[Path, str] = {(): "source"}
    for number, (name, path, way, optional, passing) in enumerate(fields):
        for length in range(1, len(path)):
            if (here := path[:length]) not in groups:
                group = groups[here] = f"group{len(groups)}"
                lines += [f"{group} = {groups[here[:-1]]}.get({here[-1]!r})", *_checked(group)]
        known |= {f"way{number}": way, f"kind{number}": passing}
        lines += [
            f"value = {groups[path[:-1]]}.get({path[-1]!r})",
            f"if value.__class__ is not kind{number}:" if passing else "if True:",
            " if value.__class__ is dict and '#text' in value: return",
            f" value = way{number}(value)",
            *([] if optional else [" if value is None: return"]),
            f"{'if value is not None: ' if optional else ''}values[{name!r}] = value",
        ]
    return _function("source", [*lines, "return values"], known)


def writing(fields: Iterable[tuple[str, Path, Way | None, Any, bool]]) -> Straight:
    """The code of `gateway.layout.Layout.filled`, of its fields; none of their paths goes through a list."""
    lines = ["message = {}"]
    known: dict[str, Any] = {}
    groups: dict[Path, str] = {(): "message"}
    for number, (name, path, back, constant, optional) in enumerate(fields):
        known |= {f"back{number}": back, f"constant{number}": constant}
        group = "message"
        for length in range(1, len(path)):
            group = groups.get(path[:length]) or f"{group}.setdefault({path[length - 1]!r}, {{}})"
            if not optional and path[:length] not in groups:
                groups[path[:length]] = f"group{len(groups)}"
                lines.append(f"{groups[path[:length]]} = {group}")
                group = groups[path[:length]]
        if back is None:
            lines.append(f"{group}[{path[-1]!r}] = constant{number}")
            continue
        lines += [
            f"value = record.get({name!r})",
            "if value is not None:" if optional else "if value is None: return",
            f"{' ' if optional else ''}{group}[{path[-1]!r}] = back{number}(value)",
        ]
    return _function("record", [*lines, "return message"], known)


def _checked(group: str) -> Sequence[str]:
    return (f"if {group}.__class__ is not dict: return",)


def _function(argument: str, lines: Sequence[str], known: dict[str, Any]) -> Straight:
    """The function. What it has of the configuration stands in it as literals of Python, and only so."""
    exec(f"def straight({argument}):\n " + "\n ".join(lines), known)  # noqa: S102 - see above
    straight: Straight = known["straight"]
    return straight
