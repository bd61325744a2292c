"""XML documents: typed and validated by a schema, or as they come. Parsed as the SOAP adapter does, so no DOCTYPE, no
entities but XML's own, and nothing fetched."""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from adapters.formats.amending import spelled
from adapters.formats.config import XmlSettings
from adapters.soap.escapes import escaped, escaped_attribute
from adapters.soap.literal import Literal
from adapters.soap.markup import Edit, Span, Text, attribute, spans, tag_name
from adapters.soap.namespaces import NIL, XSI, split
from adapters.soap.reading import DEPTH, Reader
from gateway.contract import ConfigError, Payload, Undecodable, Unencodable
from gateway.contract import Path as PayloadPath

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_MEDIA = "application/xml"


class Xml:
    """Documents without a schema: all values are text, and namespaces are not looked at.

    An element that comes several times is a list, and so is one of `lists`, however often it comes."""

    def __init__(self, settings: XmlSettings) -> None:
        self.media = settings.media or _MEDIA
        self._root = split(settings.root)
        self._reader = Reader(settings.max_decode)
        self._lists = {tuple(one.split(".")) for one in settings.lists}

    def read(self, body: bytes, media: str = "") -> Payload:
        """The content of the root element. Raises Undecodable."""
        return self._reader.read(body, media, self._payload)

    def _payload(self, root: Any) -> Payload:
        if split(root.tag)[1] != self._root[1]:
            raise Undecodable(f"The root element is not {self._root[1]}.", "wrong_root")
        found = self._value(root, ())
        return found if isinstance(found, dict) else {"#text": found}

    def _value(self, node: Any, place: tuple[str, ...]) -> Any:
        if node.get(NIL) in ("true", "1"):
            return None
        found: dict[str, Any] = {f"@{split(name)[1]}": text for name, text in node.attrib.items() if name != NIL}
        if not len(node):
            text = node.text or ""
            return {**found, "#text": text} if found else text
        if any((text or "").strip() for text in (node.text, *(child.tail for child in node))):
            raise Undecodable(f"{spelled(place)}: has text between its elements, which is not read.", "mixed_content")
        for child in node:
            self._add(found, child, (*place, split(child.tag)[1]))
        return found

    def _add(self, found: dict[str, Any], child: Any, place: tuple[str, ...]) -> None:
        value, name = self._value(child, place), place[-1]
        if place in self._lists:
            found.setdefault(name, []).append(value)
        elif name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]

    def write(self, payload: Payload) -> bytes:
        """The document in UTF-8, all elements in the root's namespace. Raises Unencodable."""
        space, name = self._root
        declared = f' xmlns="{escaped_attribute(space)}"' if space else ""
        text = _element(name, f'{declared} xmlns:xsi="{XSI}"' if _has_nil(payload) else declared, payload, ())
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()

    def amend(self, body: bytes, changes: Mapping[PayloadPath, Any], media: str = "") -> bytes:
        """The document with values of elements and attributes replaced. Raises Unencodable."""
        try:
            self.read(body, media)
            text = Text.of(body, media)
            root = spans(text.data)
        except Undecodable as error:
            raise Unencodable(f"The reply cannot be amended: {error}") from None
        return text.edited([_edit(text.data, root, path, value) for path, value in changes.items()])


class TypedXml:
    """Documents whose root is an element of a schema; payloads are as in docs/soap.md."""

    def __init__(self, settings: XmlSettings, folder: Path) -> None:
        """Reads the schema. Raises ConfigError."""
        self.media = settings.media or _MEDIA
        path = folder / str(settings.xsd)
        self._literal = Literal(path, split(settings.root), settings.max_decode, settings.validate_)

    def read(self, body: bytes, media: str = "") -> Payload:
        """The typed payload. Raises Undecodable."""
        return self._literal.read(body, media)

    def write(self, payload: Payload) -> bytes:
        """The document. Raises Unencodable."""
        return self._literal.write(payload)

    def amend(self, body: bytes, changes: Mapping[PayloadPath, Any], media: str = "") -> bytes:
        """The document with these values, every other byte kept. Raises Unencodable."""
        return self._literal.amend(body, changes, media)


def xml(settings: XmlSettings, folder: Path) -> Xml | TypedXml:
    """The format that is configured. Raises ConfigError."""
    local = split(settings.root)[1]
    if not _NAME.fullmatch(local):
        raise ConfigError(f"root: {settings.root!r} is no element name; write Loan, or {{urn:bank:loans}}Loan")
    return TypedXml(settings, folder) if settings.xsd else Xml(settings)


def _has_nil(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_nil, value.values()))
    return any(map(_has_nil, value)) if isinstance(value, list | tuple) else value is None


def _element(name: str, attributes: str, value: Any, path: PayloadPath) -> str:
    if len(path) > DEPTH:
        raise Unencodable(f"{spelled(path)}: is nested deeper than {DEPTH}.")
    if not _NAME.fullmatch(name):
        raise Unencodable(f"{spelled(path)}: is no element name.")
    if value is None:
        return f'<{name}{attributes} xsi:nil="true"/>'
    if not isinstance(value, Mapping):
        return f"<{name}{attributes}>{_escaped(value, path)}</{name}>"
    content = ""
    for key, one in value.items():
        place = (*path, key)
        if key == "#text":
            content += _escaped(one, place)
        elif str(key).startswith("@"):
            if not _NAME.fullmatch(key[1:]):
                raise Unencodable(f"{spelled(place)}: is no attribute name.")
            attributes += f' {key[1:]}="{_escaped(one, place, escaped_attribute)}"'
        else:
            items = one if isinstance(one, list | tuple) else [one]
            content += "".join(_element(str(key), "", item, place) for item in items)
    return f"<{name}{attributes}>{content}</{name}>"


def _escaped(value: Any, path: PayloadPath, escape: Callable[[str], str] = escaped) -> str:
    try:
        return escape(_text(value, path))
    except ValueError as error:
        raise Unencodable(f"{spelled(path)}: {error}.") from None


def _text(value: Any, path: PayloadPath) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and value.is_finite():
        return format(value, "f")
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, float) and value - value == 0:
        return repr(value)
    if isinstance(value, date | time):
        return value.isoformat()
    raise Unencodable(f"{spelled(path)}: {type(value).__name__} is no text of XML.")


def _edit(data: bytes, span: Span, path: PayloadPath, value: Any) -> Edit:
    """What must be edited for one change. Raises Unencodable where its path is not in the document."""
    missing = Unencodable(f"The reply has no {spelled(path)} that is a value.")
    steps = list(path)
    while steps:
        step = steps.pop(0)
        if not isinstance(step, str):
            raise missing
        if step.startswith("@"):
            place = attribute(data, span, ("", step[1:]))
            if steps or place is None:
                raise missing
            return place[0], place[1], _escaped(value, path, escaped_attribute).replace("'", "&apos;").encode()
        if step == "#text" and not steps:
            break
        found = [child for child in span.children if child.name[1] == step]
        index = steps.pop(0) if steps and isinstance(steps[0], int) else 0 if len(found) == 1 else -1
        if not isinstance(index, int) or not 0 <= index < len(found):
            raise missing
        span = found[index]
    if span.children or not path:
        raise missing
    return _content(data, span, _escaped(value, path).encode())


def _content(data: bytes, span: Span, text: bytes) -> Edit:
    if data[span.inner - 2 : span.inner] != b"/>":
        return span.inner, span.close, text
    return span.inner - 2, span.inner, b">" + text + b"</" + tag_name(data, span) + b">"
