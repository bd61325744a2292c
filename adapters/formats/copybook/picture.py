"""What a PICTURE says: text or number, how many digits, where the point is. Enterprise COBOL's Language Reference,
"PICTURE clause"."""

import re
from dataclasses import dataclass
from typing import Literal

LONGEST = 1 << 20
"""Characters of a picture at most."""
MOST_DIGITS = 38

_SYMBOL = re.compile(r"(CR|DB|[A-Z0-9*+\-.,/$])(?:\((\d{1,9})\))?")
_NUMBER = re.compile(r"S?(?:9+V?9*|V9+|9+P+V?|V?P+9+)")
_EDITING = frozenset({"Z", "*", "+", "-", ".", ",", "/", "$", "0", "B", "CR", "DB", "E"})


@dataclass(slots=True, frozen=True)
class Picture:
    """A picture; `length` is in characters."""

    kind: Literal["text", "number", "edited"]
    length: int
    digits: int = 0
    scale: int = 0
    signed: bool = False


def picture(text: str) -> Picture:
    """Of a PICTURE string such as S9(5)V99. Raises ValueError, saying what is not read."""
    symbols = _symbols(text.upper())
    spelled, found = "".join(symbols), set(symbols)
    if found & {"N", "G"}:
        raise ValueError(f"PIC {text} is of national or double-byte characters, which are not read")
    if found & _EDITING:
        return Picture("edited", len(spelled) - spelled.count("V"))
    if found & {"X", "A"}:
        if found - {"X", "A", "9"}:
            raise ValueError(f"PIC {text} cannot be read")
        return Picture("text", len(spelled))
    if "9" not in found or not _NUMBER.fullmatch(spelled):
        raise ValueError(f"PIC {text} cannot be read")
    return _number(text, spelled)


def _symbols(text: str) -> list[str]:
    symbols: list[str] = []
    place = 0
    for match in _SYMBOL.finditer(text):
        if match.start() != place:
            break
        place = match.end()
        count = int(match[2] or 1)
        if not 0 < count <= LONGEST - len(symbols):
            raise ValueError(f"PIC {text} is too long, or repeats something 0 times")
        symbols += [match[1]] * count
    if place != len(text):
        raise ValueError(f"PIC {text} cannot be read from {text[place:]!r} on")
    return symbols


def _number(text: str, spelled: str) -> Picture:
    """P stands for a digit that is zero and not stored, before the first or behind the last that is."""
    digits, signed = spelled.count("9"), spelled.startswith("S")
    if digits > MOST_DIGITS:
        raise ValueError(f"PIC {text} has more than {MOST_DIGITS} digits")
    bare = spelled.removeprefix("S")
    scaling = bare.count("P")
    if scaling:
        scale = scaling + digits if bare.lstrip("V").startswith("P") else -scaling
    else:
        scale = digits - bare.index("V") if "V" in bare else 0
    return Picture("number", digits, digits, scale, signed)
