"""A character set of records: one byte a digit, blank and sign, whether in EBCDIC or in ASCII's family."""

import codecs
from typing import Literal

_PLAIN = "0123456789 +-"
_POSITIVE, _NEGATIVE, _ASCII_NEGATIVE = "{ABCDEFGHI", "}JKLMNOPQR", "pqrstuvwxy"
_INVALID = ord("x")

Overpunch = Literal["ebcdic", "ascii"]
Overpunched = tuple[str, int]
"""The digit and 1, or -1 where the number is negative."""


class Charset:
    """An encoding of the standard library, or cp1047, and what of it numbers are written with."""

    def __init__(self, name: str) -> None:
        """Raises ValueError for an encoding that is not known or does not keep every digit in one byte."""
        self.name = name
        try:
            self._characters = _characters(name)
            self._codes = codecs.charmap_build(self._characters) if self._characters else None
            codes = [self.encoded(sign) for sign in _PLAIN]
        except (LookupError, ValueError):
            raise ValueError(f"the encoding {name!r} is not known to Python; cp037, cp500 and latin-1 are") from None
        if any(len(code) != 1 for code in codes):
            raise ValueError(f"the encoding {name!r} has digits of more than one byte, which records cannot have")
        self.ebcdic = self._characters is not None
        self.zero, self.space, self.plus, self.minus = codes[0], *codes[10:]
        table = bytearray([_INVALID]) * 256
        for digit, code in enumerate(codes[:10]):
            table[code[0]] = ord(str(digit))
        self.to_digits = bytes(table)
        """For bytes.translate: digits become ASCII digits, all else x."""

    def text(self, data: bytes) -> str:
        """The text. Raises ValueError, without the text."""
        try:
            if self._characters is None:
                return data.decode(self.name)
            # What the codec does as well, without the call of a function in Python.
            return codecs.charmap_decode(data, "strict", self._characters)[0]
        except UnicodeDecodeError as error:
            raise ValueError(f"its byte {error.start} is no character of {self.name}") from None

    def encoded(self, text: str) -> bytes:
        """The bytes of a text. Raises ValueError, without the text."""
        try:
            if self._codes is None:
                return text.encode(self.name)
            return codecs.charmap_encode(text, "strict", self._codes)[0]
        except UnicodeEncodeError as error:
            raise ValueError(f"its character {error.start} is not in {self.name}") from None

    def overpunched(self) -> dict[int, Overpunched]:
        """What a byte means that carries a digit and a sign.

        EBCDIC: the zone is the sign, A, C, E and F plus, B and D minus, as the hardware takes them. ASCII: plain
        digits, the letters that EBCDIC's bytes are translated to, and those of the compilers of the PC for minus: no
        byte means two things."""
        if self.ebcdic:
            zones = {0xA0: 1, 0xB0: -1, 0xC0: 1, 0xD0: -1, 0xE0: 1, 0xF0: 1}
            return {zone | digit: (str(digit), sign) for zone, sign in zones.items() for digit in range(10)}
        rows = ((_POSITIVE, 1), (_NEGATIVE, -1), (_ASCII_NEGATIVE, -1), (_PLAIN[:10], 1))
        return {ord(letter): (str(digit), sign) for row, sign in rows for digit, letter in enumerate(row)}

    def overpunch(self, style: Overpunch) -> tuple[bytes, bytes]:
        """The bytes of the digits 0 to 9 with a plus, and with a minus."""
        if self.ebcdic:
            return bytes(range(0xC0, 0xCA)), bytes(range(0xD0, 0xDA))
        if style == "ascii":
            return _PLAIN[:10].encode(), _ASCII_NEGATIVE.encode()
        return _POSITIVE.encode(), _NEGATIVE.encode()


def _characters(name: str) -> str | None:
    """The character of each byte of an EBCDIC code page; U+FFFE, which means none, where it has none. None for others.

    Python has no cp1047, z/OS Unix's: cp037 with three pairs of signs exchanged."""
    known = "cp037" if name == "cp1047" else name
    if "0".encode(known) != b"\xf0":
        return None
    table = "".join(bytes([code]).decode(known, "replace").replace("\ufffd", "\ufffe") for code in range(256))
    return table if known == name else table.translate(str.maketrans("^¬[Ý]¨", "¬^Ý[¨]"))
