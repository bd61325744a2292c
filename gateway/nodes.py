"""A YAML text as nodes that know where they stand. Refuses what a configuration must not hold: duplicate keys, tags,
several documents, endless nesting and aliases that unfold without end."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

DEPTH = 40
"""Levels of nesting."""
SIZE = 1 << 20
"""Characters of a document."""
UNFOLDED = 50_000
"""Values of a document once every alias is written out."""

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PADDED = re.compile(r"[-+]?0[0-9]")
"""Leading zeros make a code of a number: 007 stays a text."""
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip

Core = str | int | float | bool | None


class Faulty(Exception):
    """The text is not a configuration; one problem and the line it is on. Becomes a ConfigError in document.py."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Scalar:
    """A scalar as written; `start` and `end` are offsets into the text, `line` counts from 1."""

    start: int
    end: int
    line: int
    column: int
    text: str
    style: str
    """Empty for a plain scalar, else the quote, | or >."""
    anchor: str | None = None

    @property
    def value(self) -> Core:
        """The value by YAML 1.2's core schema. A date stays the text it is; so does what is not finite."""
        return self.text if self.style else core(self.text)


@dataclass(slots=True)
class Pairs:
    """A mapping; keys are the texts as they stand, so that a code table may speak of 01 and NO."""

    start: int
    line: int
    flow: bool
    anchor: str | None = None
    items: "dict[str, tuple[Scalar, Node]]" = field(default_factory=dict)
    merged: set[str] = field(default_factory=set)
    """The keys that come from another mapping by <<."""


@dataclass(slots=True)
class Items:
    """A list."""

    start: int
    line: int
    flow: bool
    anchor: str | None = None
    items: "list[Node]" = field(default_factory=list)


@dataclass(slots=True)
class Alias:
    """Stands for the node that its anchor names."""

    start: int
    line: int
    target: "Scalar | Pairs | Items"


Node = Scalar | Pairs | Items | Alias


def core(text: str) -> Core:
    """What a plain scalar means in YAML 1.2's core schema; text where it means nothing else or is not finite."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) < 1000:
        return int(text) if text.lstrip("+-").isdigit() else int(text, 0)
    if _FLOAT.fullmatch(text) and not _PADDED.match(text) and math.isfinite(float(text)):
        return float(text)
    return text


def solid(node: Node) -> Scalar | Pairs | Items:
    """The node itself, behind an alias."""
    return node.target if isinstance(node, Alias) else node


def children(node: Node) -> "Iterator[tuple[str | int, Node]]":
    """Keys or indices with what stands below them."""
    node = solid(node)
    if isinstance(node, Pairs):
        yield from ((key, value) for key, (_, value) in node.items.items())
    elif isinstance(node, Items):
        yield from enumerate(node.items)


def compose(text: str) -> Pairs:
    """The mapping that a configuration is. Raises Faulty."""
    if len(text) > SIZE:
        raise Faulty(1, f"the file is larger than {SIZE >> 20} MiB")
    try:
        root = _Composer(text).document()
    except MarkedYAMLError as error:
        raise _faulty(error, text) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Faulty(line, "holds a control character, which YAML does not allow") from error
    except YAMLError as error:
        raise Faulty(1, f"is not readable as YAML: {error}") from error
    _unfolded(root, {})
    return root


class _Composer:
    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, Scalar | Pairs | Items | None] = {}

    def _next(self) -> tuple[str, Any]:
        event = next(self._events)
        return type(event).__name__.removesuffix("Event"), event

    def document(self) -> Pairs:
        self._next()
        kind, event = self._next()
        if kind == "StreamEnd":
            raise Faulty(1, "the file is empty; it needs at least `routes:`, `adapters:` and `models:`")
        root = self._node(*self._next(), 0)
        self._next()
        kind, event = self._next()
        if kind != "StreamEnd":
            raise Faulty(event.start_mark.line + 1, "a second document begins here; a configuration is only one")
        if isinstance(root, Scalar) and root.value is None:
            raise Faulty(1, "the file is empty; it needs at least `routes:`, `adapters:` and `models:`")
        if not isinstance(root, Pairs):
            found = "a list" if isinstance(root, Items) else "a text"
            raise Faulty(root.line, f"expected keys such as `routes:` at the top, found {found}")
        return root

    def _node(self, kind: str, event: Any, depth: int) -> Node:
        start, line = event.start_mark.index, event.start_mark.line + 1
        if depth > DEPTH:
            raise Faulty(line, f"is nested deeper than {DEPTH} levels")
        if kind == "Alias":
            return Alias(start, line, self._target(event.anchor, line))
        if event.ctag is not None:
            raise Faulty(line, f"the tag {event.ctag} is not supported; write a plain value, or a text in quotes")
        if kind == "Scalar":
            return self._scalar(event, start, line)
        if event.anchor:
            self._anchors[event.anchor] = None
        node = self._pairs(event, depth) if kind == "MappingStart" else self._items(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _target(self, name: str, line: int) -> Scalar | Pairs | Items:
        if name not in self._anchors:
            raise Faulty(line, f"*{name} is used, but no &{name} stands above it; quote a text that begins with *")
        target = self._anchors[name]
        if target is None:
            raise Faulty(line, f"*{name} is used inside of &{name}, which has no end")
        return target

    def _scalar(self, event: Any, start: int, line: int) -> Scalar:
        column, style = event.start_mark.column, event.style or ""
        node = Scalar(start, event.end_mark.index, line, column, event.value, style, event.anchor)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _items(self, event: Any, depth: int) -> Items:
        node = Items(event.start_mark.index, event.start_mark.line + 1, bool(event.flow_style), event.anchor)
        while (step := self._next())[0] != "SequenceEnd":
            node.items.append(self._node(*step, depth + 1))
        return node

    def _pairs(self, event: Any, depth: int) -> Pairs:
        node = Pairs(event.start_mark.index, event.start_mark.line + 1, bool(event.flow_style), event.anchor)
        merged: list[Node] = []
        while (step := self._next())[0] != "MappingEnd":
            key = self._node(*step, depth + 1)
            value = self._node(*self._next(), depth + 1)
            if not isinstance(key, Scalar):
                raise Faulty(key.line, "a key must be a plain text")
            if key.text == "<<" and not key.style:
                merged.append(value)
                continue
            if key.text in node.items:
                first = node.items[key.text][0].line
                raise Faulty(key.line, f"the key {key.text!r} stands here a second time, first on line {first}")
            node.items[key.text] = key, value
        self._merge(node, merged)
        return node

    def _merge(self, node: Pairs, merged: list[Node]) -> None:
        for value in merged:
            source = solid(value)
            if isinstance(source, Items):
                self._merge(node, source.items)
            elif isinstance(source, Pairs):
                new = {key: pair for key, pair in source.items.items() if key not in node.items}
                node.items |= new
                node.merged |= new.keys()
            else:
                raise Faulty(value.line, "<<: takes a mapping")


def _unfolded(node: Node, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Values and levels of a node with its aliases written out. Raises Faulty."""
    node = solid(node)
    if id(node) not in known:
        inner = [_unfolded(child, known) for _, child in children(node)]
        size, levels = 1 + sum(size for size, _ in inner), 1 + max((levels for _, levels in inner), default=0)
        if size > UNFOLDED:
            raise Faulty(node.line, f"unfolds to more than {UNFOLDED} values through its aliases")
        if levels > DEPTH + 1:
            raise Faulty(node.line, f"is nested deeper than {DEPTH} levels through its aliases")
        known[id(node)] = size, levels
    return known[id(node)]


def _faulty(error: MarkedYAMLError, text: str) -> Faulty:
    problem, context = str(error.problem or ""), str(error.context or "")
    mark, opened = error.problem_mark or error.context_mark, error.context_mark or error.problem_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    written = lines[line - 1] if line <= len(lines) else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Faulty(line, "is indented with a tab; indent with spaces")
    if "quoted scalar" in context and "end of stream" in problem:
        return Faulty(opened.line + 1 if opened else line, "a quote is opened here and never closed")
    if "flow" in context and problem.startswith("expected"):
        hint = "; put texts with ${...} in quotes here" if "${" in written else ""
        bracket, begun = "{" if "mapping" in context else "[", opened.line + 1 if opened else line
        return Faulty(line, f"a comma or the end of the {bracket} of line {begun} is missing{hint}")
    if ("block" in context and problem.startswith("expected")) or "document start" in problem:
        return Faulty(line, "does not line up with the lines above; check the indentation")
    if problem.startswith("mapping values"):
        return Faulty(line, "a key cannot stand here; check the indentation, and put a text that holds ': ' in quotes")
    if "expected ':'" in problem:
        return Faulty(line, "expected `key: value`")
    if problem.startswith("found character"):
        return Faulty(line, "a text that begins with @, `, % or a tab must be in quotes")
    return Faulty(line, f"is not readable as YAML: {problem or context}")
