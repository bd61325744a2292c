"""Reads messages of a known shape without parsing them: most callers send the same markup again, with other values.

A message's *shape* is all of it but its texts; a text is what stands between a `>` and the `</` that follows, is more
than white space, and has no `<`, `>`, `&`, carriage return or other control character. Of two messages of one shape
the parser would therefore say the same, texts apart, if it accepts one of them and that has no comment, CDATA
section, DOCTYPE or processing instruction: every `>` before a text then ends a tag. What the schema says of elements,
their order and counts, attributes, nil and xsi:type depends on the shape alone; each text has only its own type to
satisfy. White space, as an indented message has it between two end tags, is part of the shape: it may mean nothing,
or be a value.

So a shape is learnt by reading it once with marks in place of the texts, which shows where each text's value goes: in
the end it is one expression of Python, such as `{known0: {known1: known2(parts[7])}}`. Nothing of a message stands in
that code but how its elements nest. Whatever is not sure to be read alike is left to the parser, also every message
with an error, which it explains.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from adapters.soap.lexical import Simple
from gateway.contract import Payload, Undecodable

LARGEST = 1 << 15
"""Bytes of a message whose shape is looked at."""
KNOWN, SIZE, OF_A_TEXT = 64, 4 << 20, 256
"""Shapes that are remembered, how many bytes they may take together, and how many of them reading a text takes."""
SEEN, OFTEN = 1024, 16
"""Shapes whose messages are counted, and how many come before it is learnt: that costs as much as reading a dozen, so
nobody can make it a burden with ever new shapes."""

_TEXT = re.compile(r">([\t\n ]*+[^<>&\x00- \ufffe\uffff][^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+)</")
_MARK = "\ue000"
_MARKED = re.compile(f"{_MARK}([0-9]+)")

Make = Callable[[Sequence[str]], Payload]
"""Makes the payload of a message that is split at its texts. Raises ValueError or KeyError where one is no value of its
type."""


@dataclass(slots=True, frozen=True)
class _Leaf:
    """Where a text's value goes in a payload that was read with marks."""

    number: int
    type: Simple


class _Unsure(Exception):
    """A text may mean more than its value."""


class Shapes:
    """The shapes of one kind of message, bounded; the oldest is forgotten first."""

    def __init__(self, read: Callable[[bytes], Payload]) -> None:
        """`read` decodes a marked message by types that went through `marked`. It raises Undecodable."""
        self._read = read
        self._makers: dict[str, Make | None] = {}
        self._seen: Counter[int] = Counter()
        self._size = 0

    def payload(self, body: bytes) -> Payload | None:
        """The payload of a message in UTF-8; None where the parser has to read it."""
        if len(body) > LARGEST:
            return None
        try:
            parts = _TEXT.split(body.decode())
        except UnicodeDecodeError:
            return None
        shape = "\0".join(parts[::2])
        make = self._makers.get(shape)
        if make is None:
            self._notice(shape, parts)
            return None
        try:
            return make(parts)
        except (ValueError, KeyError):
            return None

    def _notice(self, shape: str, parts: Sequence[str]) -> None:
        """Learns a shape that has come often enough."""
        if shape in self._makers:
            return
        name = hash(shape)
        self._seen[name] += 1
        if self._seen[name] < OFTEN:
            if len(self._seen) > SEEN:
                self._seen.clear()
            return
        del self._seen[name]
        self._makers[shape] = self._learnt(shape, parts)
        self._size += _size(shape)
        while self._size > SIZE or len(self._makers) > KNOWN:
            oldest = next(iter(self._makers))
            self._size -= _size(oldest)
            del self._makers[oldest]

    def _learnt(self, shape: str, parts: Sequence[str]) -> Make | None:
        """How messages of the shape are read; None where only the parser can."""
        if "<!" in shape or "<?" in shape[1:] or "&" in shape or any(_MARK in part for part in parts):
            return None
        marked = "".join(f"{part}>{_MARK}{number}</" for number, part in enumerate(parts[:-1:2])) + parts[-1]
        try:
            return _maker(self._read(marked.encode()))
        except (Undecodable, _Unsure):
            return None


def _size(shape: str) -> int:
    return len(shape) + OF_A_TEXT * shape.count("\0")


def marked(simple: Simple) -> Simple:
    """The type as a message with marks is read by it; a qualified name means nothing without its element."""
    if simple.named:
        return simple

    def parse(text: str) -> Any:
        match = _MARKED.fullmatch(text)
        return simple.parse(text) if match is None else _Leaf(int(match[1]), simple)

    return replace(simple, parse=parse)


def _maker(marked: Payload) -> Make:
    """Makes such a payload. Its code has names of ours and numbers only: no key and no value stands in it."""
    known: dict[str, Any] = {}
    names: dict[int, str] = {}
    code = _expression(marked, lambda value: _named(value, names, known))
    exec(f"def make(parts): return {code}", known)  # noqa: S102 - see above
    make: Make = known["make"]
    return make


def _named(value: Any, names: dict[int, str], known: dict[str, Any]) -> str:
    """The name by which the code knows a value; what it knows lives as long as the code."""
    name = names.setdefault(id(value), f"known{len(names)}")
    known[name] = value
    return name


def _expression(value: Any, named: Callable[[Any], str]) -> str:
    if isinstance(value, _Leaf):
        text = f"parts[{2 * value.number + 1}]"
        if value.type.choices is not None:
            return f"{named(value.type.choices)}[{text}]"
        return text if value.type.parse is str else f"{named(value.type.parse)}({text})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{named(key)}: {_expression(item, named)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_expression(item, named) for item in value) + "]"
    if isinstance(value, str) and _MARK in value:
        raise _Unsure
    return named(value)
