"""Looks at the beginning of an envelope, as far as its Body's first child, and says what it is."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.parsers import expat  # events only, stopped at any DOCTYPE, so nothing is ever expanded

from adapters.soap.namespaces import VERSIONS, QName

HEAD = 1 << 16
"""Bytes that are looked at."""

_START = rb"[ \t\r\n]*<[^<>!?/\0][^<>\0]*>"
_PLAIN = re.compile(rb"(?:[ \t\r\n]*<\?xml [^<>\0]*>)?" + _START * 3)
"""The beginning of most messages: the start tags of Envelope, Body and its child."""
_SHORT = 2048
"""Bytes of a beginning that is remembered, with what it says."""
_ENVELOPE = re.compile(rb"<(?:[\w.\-]+:)?Envelope[\s>]")


@dataclass(slots=True, frozen=True)
class Sniffed:
    """`version` is "1.1", "1.2" or None; `body_child` is namespace ("" for none) and local name, or None."""

    version: str | None = None
    body_child: QName | None = None


class _Seen(Exception):
    """Enough was seen."""


_NOTHING = Sniffed()


def sniff(head: bytes) -> Sniffed:
    """The SOAP version and the name of Body's first child, from the first 64 KB. Never raises.

    What is unclear is None: no XML, a DOCTYPE, a Body that begins further back, an encoding that is not declared."""
    # Nothing after the child's start tag is looked at, so a beginning that has it says the same in every message.
    if (match := _PLAIN.match(head)) and match.end() <= _SHORT and (found := _remembered(match[0])).body_child:
        return found
    return _sniffed(head)


def _sniffed(head: bytes) -> Sniffed:
    version: str | None = None
    child: QName | None = None
    depth = 0
    inside = False

    def start(name: str, attributes: Any) -> None:
        nonlocal version, child, depth, inside
        depth += 1
        if depth == 1:
            namespace, _, local = name.rpartition(" ")
            version = VERSIONS.get(namespace) if local == "Envelope" else None
            if version is None:
                raise _Seen
        elif depth == 2:
            namespace, _, local = name.rpartition(" ")
            inside = local == "Body" and VERSIONS.get(namespace) == version
        elif depth == 3 and inside:
            namespace, _, local = name.rpartition(" ")
            child = (namespace, local)
            raise _Seen

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        if depth == 1 and inside:
            raise _Seen

    parser = expat.ParserCreate(None, " ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = _stop
    try:
        parser.Parse(head[:HEAD].lstrip(b" \t\r\n"), False)
    except _Seen:
        pass
    except (expat.ExpatError, ValueError, LookupError):
        return _NOTHING if child is None else Sniffed(version, child)
    return Sniffed(version, child)


_remembered = lru_cache(maxsize=256)(_sniffed)


def is_other_version(body: bytes) -> bool:
    """Whether it is an envelope of a version that nobody here speaks."""
    return sniff(body[:HEAD]).version is None and _ENVELOPE.search(body[:1024]) is not None


def _stop(*args: Any) -> None:
    raise _Seen
