"""Replaces values in a reply's bytes in place: leaf elements, whole lists of them, attributes. Nothing else changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from adapters.soap.escapes import escaped, escaped_attribute
from adapters.soap.lexical import Simple
from adapters.soap.markup import Edit, Span, Text, attribute, spans, tag_name
from adapters.soap.namespaces import VERSIONS, XSI, QName
from adapters.soap.particles import Complex, Element, elements, highest, text_of
from gateway.contract import Path, Raw, Undecodable, Unencodable

_NIL: QName = (XSI, "nil")
_TYPE: QName = (XSI, "type")


def amended(raw: Raw, response: Element, changes: Mapping[Path, Any]) -> Raw:
    """The reply with these values; every other byte is kept. Raises Unencodable, naming the path.

    A path is not in the reply: refused. A shorter list removes elements, a longer one repeats the last."""
    if not changes:
        return raw
    return replace(raw, body=_amended(raw.body, raw.media, response, changes, _body_child))


def document(body: bytes, media: str, root: Element, changes: Mapping[Path, Any]) -> bytes:
    """The same of a document that is this element itself, without an envelope."""
    return _amended(body, media, root, changes, lambda found: found)


def _amended(
    body: bytes, media: str, element: Element, changes: Mapping[Path, Any], find: Callable[[Span], Span]
) -> bytes:
    try:
        text = Text.of(body, media)
        child = find(spans(text.data))
    except Undecodable as error:
        raise Unencodable(f"The reply cannot be amended. {error}") from None
    if child.name != element.name:
        raise Unencodable(f"The reply has {child.name[1]}, expected is {element.name[1]}.")
    edits = [edit for path, value in changes.items() for edit in _Amendment(text.data, path).at(child, element, value)]
    _refuse_overlaps(edits)
    return text.edited(edits)


def _body_child(root: Span) -> Span:
    if root.name[1] != "Envelope" or root.name[0] not in VERSIONS:
        raise Undecodable("It is not a SOAP envelope.")
    body = next((child for child in root.children if child.name == (root.name[0], "Body")), None)
    if body is None or len(body.children) != 1:
        raise Undecodable("Its Body does not have exactly one element.")
    return body.children[0]


def _refuse_overlaps(edits: list[Edit]) -> None:
    ordered = sorted(edits, key=lambda edit: edit[:2])
    for before, after in pairwise(ordered):
        if after[0] < before[1] or after[:2] == before[:2]:
            raise Unencodable("Two changes touch the same place of the reply.")


class _Amendment:
    """One change: finds the place that its path names and says what must be edited there."""

    def __init__(self, data: bytes, path: Path) -> None:
        self._data = data
        self._path = path

    def at(self, span: Span, element: Element, value: Any) -> list[Edit]:
        """The edits, starting from the response element."""
        return self._step(span, element, self._path, value)

    def _wrong(self, message: str) -> Unencodable:
        return Unencodable(f"{'.'.join(str(step) for step in self._path)}: {message}")

    def _step(self, span: Span, element: Element, path: Path, value: Any) -> list[Edit]:
        simple = text_of(element.type)
        if not path or (path == ("#text",) and simple is not None):
            if simple is None:
                raise self._wrong("has parts of its own; name one of them")
            return self._leaf(span, simple, value)
        if not isinstance(element.type, Complex) or not isinstance(path[0], str):
            raise self._wrong("leads into a value that has no parts")
        kind = self._kind(span, element.type)
        if path[0].startswith("@"):
            return self._attribute(span, kind, path, value)
        if path[0] == "#text" and kind.text is not None and len(path) == 1:
            return self._leaf(span, kind.text, value)
        return self._child(span, kind, path, value)

    def _kind(self, span: Span, declared: Complex) -> Complex:
        """The declared type, or the derived one that the element names."""
        place = attribute(self._data, span, _TYPE)
        if place is None or not declared.variants:
            return declared
        prefix, _, local = self._data[place[0] : place[1]].decode().strip().rpartition(":")
        return declared.variants.get((span.prefixes.get(prefix, ""), local), declared)

    def _child(self, span: Span, kind: Complex, path: Path, value: Any) -> list[Edit]:
        element = next((one for one in elements(kind.content) if one.key == path[0]), None)
        if element is None:
            raise self._wrong("is not in the schema")
        found = [child for child in span.children if _matches(child.name, element.name)]
        many = highest(kind.content)[element.key] > 1
        if many and len(path) == 1:
            return self._list(found, element, value, highest(kind.content)[element.key])
        index, rest = (path[1], path[2:]) if many else (0, path[1:])
        if not isinstance(index, int) or not -1 < index < len(found):
            raise self._wrong("is not in the reply, and nothing is ever added")
        return self._step(found[index], element, rest, value)

    def _list(self, found: list[Span], element: Element, values: Any, high: int) -> list[Edit]:
        simple = text_of(element.type)
        if simple is None or not isinstance(values, list | tuple):
            raise self._wrong("is a list: give all its values, or an index and the value's own path")
        if not found and values:
            raise self._wrong("has no element in the reply to repeat, and nothing is ever added")
        if not element.low <= len(values) <= high:
            raise self._wrong(f"has {len(values)} values, allowed is {element.low} to {high}")
        edits = [edit for span, value in zip(found, values, strict=False) for edit in self._leaf(span, simple, value)]
        edits += [(self._blank_before(span), span.end, b"") for span in found[len(values) :]]
        extra = b"".join(self._repeated(found[-1], simple, value) for value in values[len(found) :])
        return [*edits, (found[-1].end, found[-1].end, extra)] if extra else edits

    def _blank_before(self, span: Span) -> int:
        return len(self._data[: span.start].rstrip(b" \t\r\n"))

    def _repeated(self, span: Span, simple: Simple, value: Any) -> bytes:
        name = tag_name(self._data, span)
        start = self._data[span.start : span.inner].removesuffix(b">").removesuffix(b"/").rstrip(b" \t\r\n")
        if (place := attribute(self._data, span, _NIL)) is not None:
            start = start[: place[2] - span.start] + start[place[1] + 1 - span.start :]
        blank = self._data[self._blank_before(span) : span.start]
        return blank + start + b">" + self._written(simple, value) + b"</" + name + b">"

    def _leaf(self, span: Span, simple: Simple, value: Any) -> list[Edit]:
        place = attribute(self._data, span, _NIL)
        nil = place is not None and self._data[place[0] : place[1]].strip() in (b"true", b"1")
        if value is None:
            if nil:
                return []
            raise self._wrong("is not nil in the reply and cannot be made so in place")
        if span.children:
            raise self._wrong("has elements in the reply where a value is expected")
        edits = [(place[2], place[1] + 1, b"")] if nil and place is not None else []
        return edits + self._content(span, self._written(simple, value))

    def _content(self, span: Span, text: bytes) -> list[Edit]:
        if self._data[span.inner - 2 : span.inner] != b"/>":
            return [(span.inner, span.close, text)]
        return [(span.inner - 2, span.inner, b">" + text + b"</" + tag_name(self._data, span) + b">")] if text else []

    def _attribute(self, span: Span, kind: Complex, path: Path, value: Any) -> list[Edit]:
        known = next((one for one in kind.attributes if one.key == path[0]), None)
        place = None if known is None or len(path) > 1 else attribute(self._data, span, known.name)
        if known is None or place is None:
            raise self._wrong("is not an attribute in the reply, and nothing is ever added")
        try:
            text = escaped_attribute(known.type.format(value)).replace("'", "&apos;")
        except ValueError as error:
            raise self._wrong(str(error)) from None
        return [(place[0], place[1], text.encode())]

    def _written(self, simple: Simple, value: Any) -> bytes:
        try:
            return escaped(simple.format(value)).encode()
        except ValueError as error:
            raise self._wrong(str(error)) from None


def _matches(found: QName, declared: QName) -> bool:
    """The same name, also where only one of them has a namespace: such replies are read as well."""
    return found == declared or (found[1] == declared[1] and not (found[0] and declared[0]))
