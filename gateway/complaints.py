"""What is wrong with a configuration, in plain English: one sentence a problem, with its path and line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Key = tuple[str | int, ...]
"""Where a value stands in the document: keys, and indices into lists."""


@dataclass(slots=True, frozen=True, order=True)
class Complaint:
    """One problem."""

    line: int
    path: str
    message: str

    def sentence(self, name: str) -> str:
        """`understudy.yaml line 14: routes.loan.stgae: unknown key, did you mean 'stage'?`"""
        where = f"{self.path}: " if self.path else ""
        return f"{name} line {self.line}: {where}{self.message}"


class Resolved(str):
    """A text that came from the environment or a file; `written` is how the document refers to it."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, value: str, written: str) -> "Resolved":
        """The text, and how the document refers to it."""
        self = super().__new__(cls, value)
        self.written = written
        return self


def dotted(path: Sequence[str | int]) -> str:
    """The path as it is shown: `guard.steps[0].when`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """The end of a sentence: what was probably meant, or what there is."""
    names = sorted(known)
    if close := get_close_matches(word, names, n=1):
        return f", did you mean {close[0]!r}?"
    return f" (there are: {', '.join(names)})" if names else ""


def found(value: Any) -> str:
    """A value as an operator would call it, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, Resolved):
        return f"the text of {value.written}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = str(value) if len(str(value)) <= 40 else f"{str(value)[:37]}..."
    return f"the text {text!r}" if isinstance(value, str) else f"the number {text}"


_REQUIRED = "this key is required"


def complaints(error: ValidationError, model: type[BaseModel], data: Any) -> list[tuple[Key, str]]:
    """One (path below `data`, message) for each thing wrong, the noise of unions and validators removed."""
    seen: dict[Key, list[tuple[bool, Any]]] = {}
    for problem in error.errors(include_url=False):
        path, noisy = placed(problem, data)
        seen.setdefault(path, []).append((noisy, problem))
    told = {path: _told(seen[path], path, model, data) for path in seen if not _overruled(path, seen)}
    return [(path, message) for path, messages in told.items() if not _misspelled(path, told) for message in messages]


def placed(problem: Mapping[str, Any], data: Any) -> tuple[Key, bool]:
    """Where in the document a problem of pydantic's is, and whether its location also named a member of a union."""
    path: list[str | int] = []
    here, noisy = data, False
    for part in problem["loc"]:
        inside = isinstance(here, Mapping) and part in here
        if inside or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            path.append(part)
            here = here[part]
        else:
            noisy = True
    if problem["type"] == "missing" and isinstance(here, Mapping):
        path.append(problem["loc"][-1])
    return tuple(path), noisy


def _overruled(path: Key, seen: Mapping[Key, Sequence[tuple[bool, Any]]]) -> bool:
    """A union says of a mapping that it is no text; what is wrong inside of the mapping says more."""
    deeper = any(len(other) > len(path) and other[: len(path)] == path for other in seen)
    return deeper and all(noisy and _expected(problem) for noisy, problem in seen[path])


def _misspelled(path: Key, told: Mapping[Key, Sequence[str]]) -> bool:
    """Whether a key is missing only because it stands there misspelled, which is said already."""
    meant = f"unknown key, did you mean {str(path[-1])!r}?" if path else ""
    others = [message for other in told if other[:-1] == path[:-1] for message in told[other]]
    return told[path][0].startswith(_REQUIRED) and meant in others


def _told(problems: Sequence[tuple[bool, Any]], path: Key, model: type[BaseModel], data: Any) -> list[str]:
    kinds = list(dict.fromkeys(kind for _, problem in problems if (kind := _expected(problem))))
    if "a number" in kinds:
        kinds = [kind for kind in kinds if kind != "a whole number"]
    others = [problem for _, problem in problems if not _expected(problem)]
    if others:
        return list(dict.fromkeys(line for problem in others for line in _message(problem, path, model, data)))
    given = problems[0][1]["input"]
    quote = ", put it in quotes" if kinds == ["a text"] and isinstance(given, int | float) else ""
    return [f"expected {_either(kinds)}, found {found(given)}{quote}"]


_EXPECTED = {
    "a whole number": r"int_.*",
    "a number": r"float_.*|decimal_.*|finite_number",
    "true or false": r"bool_.*",
    "a text": r"string_type|string_sub_type|string_unicode",
    "a mapping (`key: value`)": r"dict_type|mapping_type|model_type|model_attributes_type|dataclass_type",
    "a list": r"(list|tuple|set|frozen_set|iterable|sequence)_type",
    "nothing": r"none_required",
    "a date": r"date_.*",
    "a time": r"time_.*",
}


def _expected(problem: Mapping[str, Any]) -> str | None:
    return next((word for word, kinds in _EXPECTED.items() if re.fullmatch(kinds, problem["type"])), None)


_LIMITS = {
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be more than {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
}


def _message(problem: Mapping[str, Any], path: Key, model: type[BaseModel], data: Any) -> list[str]:
    kind, context, given = problem["type"], problem.get("ctx", {}), problem["input"]
    if kind == "missing":
        strange = [key for key in given if key not in keys(model, problem["loc"][:-1])]
        close = get_close_matches(str(path[-1]), strange, n=1)
        return [f"{_REQUIRED}, is {close[0]!r} meant to be it?" if close else _REQUIRED]
    if kind == "extra_forbidden":
        return [f"unknown key{nearest(str(path[-1]), keys(model, problem['loc'][:-1]))}"]
    if kind in _LIMITS:
        limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in context.items()}
        return [f"{_LIMITS[kind].format(**limits)}, found {found(given)}"]
    if kind in ("literal_error", "enum"):
        return [f"expected {_either(_quoted(context['expected']))}, found {found(given)}"]
    if kind == "string_pattern_mismatch":
        return [f"{_pattern(context['pattern'])}, found {found(given)}"]
    if kind in ("value_error", "assertion_error"):
        return [_own(line, given) for line in str(context["error"]).splitlines()]
    if kind == "union_tag_invalid":
        tag = str(context["tag"])
        return [f"{context['discriminator']}: {tag!r} is unknown{nearest(tag, _quoted(context['expected_tags']))}"]
    if kind == "union_tag_not_found":
        return [f"the key {context['discriminator']} is required"]
    message = str(problem["msg"]).replace("Input should be", "expected")
    return [message[:1].lower() + message[1:]]


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _pattern(pattern: str) -> str:
    if pattern.startswith("^[a-z][a-z0-9_]"):
        return "a name is lower-case letters, digits and _, begins with a letter and has 48 characters at most"
    return f"must match {pattern}"


def _own(message: str, given: Any) -> str:
    """A validator's own sentence; one that says what was expected is told what was found."""
    whole = isinstance(given, Mapping | list) or "found" in message
    return message if whole or not message.startswith("expected") else f"{message}, found {found(given)}"


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def keys(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    """The keys, as YAML spells them, of the sections that stand at a location of pydantic's in a model."""
    kinds: list[Any] = [model]
    for part in loc:
        kinds = [inner for kind in kinds for inner in _inside(kind, part)] or kinds
    sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {field.alias or name for section in sections for name, field in section.model_fields.items()}


def _inside(kind: Any, part: str | int) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        return _members(fields[str(part)].annotation) if str(part) in fields else []
    if get_origin(kind) in (dict, Mapping) or get_origin(kind) in (list, Sequence, tuple):
        return _members(get_args(kind)[-1])
    return []


def _members(annotation: Any) -> list[Any]:
    """The types that an annotation allows, without unions and metadata."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]
