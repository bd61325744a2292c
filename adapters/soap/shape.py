"""What a recorded response shows of its elements: names as written, attributes in order, blanks, how empty ones end."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from adapters.soap.markup import Span
from adapters.soap.namespaces import QName
from adapters.soap.sample import Sample

_START = re.compile(rb"<([^\s/>]+)(.*?)([ \t\r\n]*/?)>\Z", re.DOTALL)
_ATTRIBUTE = re.compile(r"([ \t\r\n]+)([^\s=/>]+)[ \t\r\n]*=[ \t\r\n]*(?:\"([^\"]*)\"|'([^']*)')")
_BLANK = re.compile(rb"[ \t\r\n]*\Z")


@dataclass(slots=True)
class Written:
    """An attribute as it stands in a start tag; `raw` is what is between the quotes, entities unresolved."""

    blank: str
    name: str
    raw: str
    quote: str
    key: QName
    """Namespace and local name; ("xmlns", PREFIX) for a declaration."""


@dataclass(slots=True)
class Shape:
    """One element of a message, wherever it occurs below the same parents."""

    tag: str
    attributes: list[Written]
    before_end: str
    """The blank before the start tag's `>`."""
    empty: str | None
    """How it ends without content: `/>`, ` />`, or "" for an end tag of its own. None where it always had some."""
    children: dict[QName, "Shape"] = field(default_factory=dict)
    before: dict[QName, str] = field(default_factory=dict)
    """The blank before the first of these children in a row."""
    again: dict[QName, str] = field(default_factory=dict)
    """The blank before those that follow."""
    close: str | None = None
    """The blank before its end tag; None where it never had children."""
    texts: list[str] = field(default_factory=list)


class Blanks:
    """How deep elements are indented, as far as it is regular."""

    def __init__(self) -> None:
        self._seen: dict[int, Counter[str]] = {}

    def note(self, depth: int, blank: str) -> None:
        """An element at this depth stood behind this blank."""
        self._seen.setdefault(depth, Counter())[blank] += 1

    def at(self, depth: int) -> str:
        """The blank before an element at this depth: the usual one, or one step more than above it."""
        if depth in self._seen:
            return self._seen[depth].most_common(1)[0][0]
        if depth <= 1:
            return ""
        above, two = self.at(depth - 1), self.at(depth - 2)
        return above + above.removeprefix(two) if two and above.startswith(two) else above


class Learnt:
    """What several samples of one SOAP version show together; of two that differ, the first is followed."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        self.blanks = Blanks()
        self.empty: Counter[str] = Counter()
        self.nil = "true"
        self.prefixes: dict[str, str] = {}
        self.top: dict[QName, Shape] = {}
        self.messages: dict[QName, Shape] = {}
        """Those below Body or a fault's detail, by name: they look alike in another version's fault."""
        for sample in samples:
            self._learn(sample, sample.root, self.top, 0)

    @property
    def usual_empty(self) -> str:
        """How elements without content end."""
        return self.empty.most_common(1)[0][0] if self.empty else "/>"

    def _learn(self, sample: Sample, span: Span, shapes: dict[QName, Shape], depth: int) -> None:
        shape, before = self._shape(sample.data, span), shapes.get(span.name)
        if before is not None:
            shape = _merged(before, shape)
        shapes[span.name] = shape
        if 1 < depth < 5 and span.name[0] != sample.root.name[0]:
            self.messages.setdefault(span.name, shape)
        prefix, colon, _ = shape.tag.rpartition(":")
        self.prefixes.setdefault(span.name[0], prefix if colon else "")
        if not span.children:
            shape.texts.append(_unescaped(sample.data[span.inner : span.close].decode()))
            return
        last, place = None, span.inner
        for child in span.children:
            blank = _blank(sample.data[place : child.start])
            (shape.again if child.name == last else shape.before).setdefault(child.name, blank)
            self.blanks.note(depth + 1, blank)
            self._learn(sample, child, shape.children, depth + 1)
            last, place = child.name, child.end
        shape.close = _blank(sample.data[place : span.close]) if shape.close is None else shape.close

    def _shape(self, data: bytes, span: Span) -> Shape:
        match = _START.match(data[span.start : span.inner])
        if match is None:  # spans() has found this very tag
            raise AssertionError("a start tag without an end")
        attributes = [_attribute(one, span) for one in _ATTRIBUTE.finditer(match[2].decode())]
        for one in attributes:
            if one.key[0] == "xmlns" and one.key[1]:
                self.prefixes.setdefault(_unescaped(one.raw), one.key[1])
            elif one.key[1] == "nil" and one.raw.strip() in ("1", "true"):
                self.nil = one.raw
        ending, empty = match[3].decode(), None
        if span.inner == span.close:
            empty = ending + ">" if ending.endswith("/") else ""
            self.empty[empty] += 1
        blank = "" if ending.endswith("/") else ending
        return Shape(match[1].decode(), attributes, blank, empty)


def _attribute(match: re.Match[str], span: Span) -> Written:
    name = match[2]
    prefix, _, local = name.rpartition(":")
    if name == "xmlns" or prefix == "xmlns":
        key = ("xmlns", "" if name == "xmlns" else local)
    else:
        key = (span.prefixes.get(prefix, "") if prefix else "", local)
    double = match[3] is not None
    return Written(match[1], name, match[3] if double else match[4], '"' if double else "'", key)


def _merged(first: Shape, other: Shape) -> Shape:
    """The first, with the attributes that only the other has, and how it ends where it is empty."""
    known = {one.key for one in first.attributes}
    first.attributes += [one for one in other.attributes if one.key not in known]
    first.empty = other.empty if first.empty is None else first.empty
    return first


def _blank(data: bytes) -> str:
    """The white space at the end of what stands between two tags."""
    match = _BLANK.search(data)
    return match[0].decode() if match else ""


def _unescaped(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text
