"""Texts as XML carries them."""

import re
from collections.abc import Mapping

_ILLEGAL = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_illegal = re.compile(_ILLEGAL).search
special = re.compile(f"[&<>\r]|{_ILLEGAL}").search
_special_in_attribute = re.compile(f'[&<>"\t\n\r]|{_ILLEGAL}').search
ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_ATTRIBUTE_ESCAPES = {**ESCAPES, ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}


def escaped(text: str) -> str:
    """The text as it may stand between tags. Raises ValueError where XML 1.0 has no place for a character."""
    return escape(text, ESCAPES) if special(text) else text


def escaped_attribute(text: str) -> str:
    """The text as it may stand between double quotes. Raises ValueError as `escaped`."""
    return escape(text, _ATTRIBUTE_ESCAPES) if _special_in_attribute(text) else text


def escape(text: str, escapes: Mapping[int, str]) -> str:
    if (match := _illegal(text)) is not None:
        raise ValueError(f"XML cannot carry the character U+{ord(match[0]):04X}")
    return text.translate(escapes)
