"""Elements that no schema describes: kept as XML text that stands on its own, and values that name their type."""

import re
from copy import deepcopy
from typing import Any

from lxml import etree

from adapters.soap.lexical import builtins
from adapters.soap.namespaces import ENCODINGS, NIL, TYPE, XSD, XSI, clark
from adapters.soap.particles import ANY
from adapters.soap.reading import Reader
from gateway.contract import Undecodable

Node = Any
"""An lxml element."""

LONGEST = 1 << 24
"""Bytes of a raw element that are written at most."""

_BUILTINS = builtins()
_TYPED = {clark((space, name)): kind for space in (XSD, *ENCODINGS.values()) for name, kind in _BUILTINS.items()}
_PREFIX = re.compile(r"([A-Za-z_][\w.\-]*):")
_INSTANCE = f"{{{XSI}}}"
_reader = Reader(LONGEST)


def raw(node: Node) -> str:
    """The element as XML text, with the declarations of those prefixes that it uses or may use in its texts."""
    alone = deepcopy(node)
    alone.tail = None
    texts = (text for one in alone.iter() for text in (one.text, *one.attrib.values()) if text and ":" in text)
    mentioned = {prefix for text in texts for prefix in _PREFIX.findall(text)}
    etree.cleanup_namespaces(alone, keep_ns_prefixes=sorted(mentioned & {prefix for prefix in alone.nsmap if prefix}))
    return str(etree.tostring(alone, encoding="unicode"))


def anything(node: Node) -> Any:
    """Nil, a value by the built-in type that xsi:type names, text, or `{"#any": the element}` where it is more."""
    if node.get(NIL) in ("true", "1"):
        return None
    if len(node) or any(not name.startswith(_INSTANCE) for name in node.attrib):
        return {ANY: raw(node)}
    named = node.get(TYPE)
    if named is None:
        return node.text or ""
    prefix, _, local = named.strip().rpartition(":")
    kind = _TYPED.get(clark((node.nsmap.get(prefix or None) or "", local)))
    return {ANY: raw(node)} if kind is None or kind.named else kind.parse(node.text or "")


def parsed(text: Any) -> Node:
    """The element that such a text is. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"expected an element as XML text, not {type(text).__name__}")
    try:
        return _reader.root(text.encode(), "")
    except (Undecodable, UnicodeEncodeError) as error:
        raise ValueError(f"is not one element as XML text: {error}") from None


def rewritten(text: Any) -> str:
    """The element as it can stand in a message. Raises ValueError."""
    return raw(parsed(text))
