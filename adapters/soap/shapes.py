"""Reads messages of a known shape without parsing them: most callers send the same markup again, with other values.

A message's *shape* is all of it but its texts; a text is what stands between a `>` and the `</` that follows, is more
than white space, and has no `<`, `>`, `&`, carriage return or other control character. Of two messages of one shape
the parser would therefore say the same, texts apart, if it accepts one of them and that has no comment, CDATA
section, DOCTYPE or processing instruction: every `>` before a text then ends a tag. What the schema says of elements,
their order and counts, attributes, nil and xsi:type depends on the shape alone; each text has only its own type to
satisfy. White space, as an indented message has it between two end tags, is part of the shape: it may mean nothing,
or be a value.

So a shape is learnt by reading it once with marks in place of the texts, which shows where each text's value goes.
Whatever is not sure to be read alike is left to the parser, also every message with an error, which it explains.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from adapters.soap.lexical import Simple
from gateway.contract import Payload, Undecodable

LARGEST = 1 << 15
"""Bytes of a message whose shape is looked at."""
KNOWN, SIZE, OF_A_TEXT = 64, 4 << 20, 256
"""Shapes that are remembered, how many bytes they may take together, and how many of them reading a text takes."""
SEEN = 1024
"""Shapes of which it is known that they came once: only what comes again is learnt."""

_TEXT = re.compile(r">([\t\n ]*+[^<>&\x00- \ufffe\uffff][^<>&\x00-\x08\x0b-\x1f\ufffe\uffff]*+)</")
_MARK = "\ue000"
_MARKED = re.compile(f"{_MARK}([0-9]+)")

Make = Callable[[Sequence[Any]], Any]


@dataclass(slots=True, frozen=True)
class _Leaf:
    """Where a text's value goes in a payload that was read with marks."""

    number: int
    parse: Callable[[str], Any]


@dataclass(slots=True, frozen=True)
class _Plan:
    """What parses each text, and what makes the payload of the values."""

    parsers: Sequence[Callable[[str], Any]]
    make: Make


class _Unsure(Exception):
    """A text may mean more than its value."""


class Shapes:
    """The shapes of one kind of message, bounded; the oldest is forgotten first."""

    def __init__(self, read: Callable[[bytes], Payload]) -> None:
        """`read` decodes a marked message by types that went through `marked`. It raises Undecodable."""
        self._read = read
        self._plans: dict[str, _Plan | None] = {}
        self._seen: set[int] = set()
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
        plan = self._plans.get(shape)
        if plan is None:
            self._notice(shape, parts)
            return None
        try:
            made: Payload = plan.make([parse(text) for parse, text in zip(plan.parsers, parts[1::2], strict=True)])
        except ValueError:
            return None
        return made

    def _notice(self, shape: str, parts: Sequence[str]) -> None:
        """Learns a shape that comes for the second time."""
        if shape in self._plans:
            return
        if (name := hash(shape)) not in self._seen:
            if len(self._seen) >= SEEN:
                self._seen.clear()
            self._seen.add(name)
            return
        self._seen.discard(name)
        plan = self._plans[shape] = self._learnt(shape, parts)
        self._size += _size(shape, plan)
        while self._size > SIZE or len(self._plans) > KNOWN:
            oldest = next(iter(self._plans))
            self._size -= _size(oldest, self._plans.pop(oldest))

    def _learnt(self, shape: str, parts: Sequence[str]) -> _Plan | None:
        """How messages of the shape are read; None where only the parser can."""
        if "<!" in shape or "<?" in shape[1:] or "&" in shape or any(_MARK in part for part in parts):
            return None
        count = len(parts) // 2
        marked = "".join(f"{part}>{_MARK}{number}</" for number, part in enumerate(parts[:-1:2])) + parts[-1]
        parsers: list[Callable[[str], Any]] = [str] * count
        try:
            return _Plan(parsers, _maker(self._read(marked.encode()), parsers))
        except (Undecodable, _Unsure):
            return None


def _size(shape: str, plan: _Plan | None) -> int:
    return len(shape) + OF_A_TEXT * (len(plan.parsers) if plan else 0)


def marked(simple: Simple) -> Simple:
    """The type as a message with marks is read by it; a qualified name means nothing without its element."""
    if simple.named:
        return simple

    def parse(text: str) -> Any:
        match = _MARKED.fullmatch(text)
        return simple.parse(text) if match is None else _Leaf(int(match[1]), simple.parse)

    return replace(simple, parse=parse)


def _maker(value: Any, parsers: list[Callable[[str], Any]]) -> Make:
    """Makes such a value of the texts' values; says in `parsers` what each text is parsed by."""
    if isinstance(value, _Leaf):
        return itemgetter(_placed(value, parsers))
    if isinstance(value, Mapping):
        if len(value) > 1 and all(isinstance(item, _Leaf) for item in value.values()):
            pick = itemgetter(*[_placed(item, parsers) for item in value.values()])
            keys = tuple(value)
            return lambda values: dict(zip(keys, pick(values), strict=True))
        fields = [(key, _maker(item, parsers)) for key, item in value.items()]
        return lambda values: {key: make(values) for key, make in fields}
    if isinstance(value, list):
        items = [_maker(item, parsers) for item in value]
        return lambda values: [make(values) for make in items]
    if isinstance(value, str) and _MARK in value:
        raise _Unsure
    return lambda values: value


def _placed(leaf: _Leaf, parsers: list[Callable[[str], Any]]) -> int:
    parsers[leaf.number] = leaf.parse
    return leaf.number
