"""How programs store numbers: zoned, packed and binary ones, and two kinds of floats.

Zoned and packed numbers as in z/Architecture Principles of Operation, "Decimal-Number Formats"; hexadecimal floats as
in its "Hexadecimal-Floating-Point Formats".
"""

import math
import struct
from typing import Any, Literal

from adapters.formats.charset import Charset, Overpunch
from adapters.formats.numbers import digits_of, exact, unscaled, valued

Order = Literal["big", "little"]


class Zoned:
    """One character a digit; the sign is overpunched on the first or last digit, or a character of its own."""

    initial = 0

    def __init__(
        self, digits: int, scale: int, charset: Charset, *, signed: bool = False, leading: bool = False,
        separate: bool = False, overpunch: Overpunch = "ebcdic",
    ) -> None:  # fmt: skip
        self.length = digits + (signed and separate)
        self._digits, self._scale, self._signed = digits, scale, signed
        self._leading, self._separate, self._charset = leading, separate, charset
        self._marked = charset.overpunched()
        self._positive, self._negative = charset.overpunch(overpunch)

    def read(self, data: bytes) -> Any:
        """The number."""
        if self._signed and self._separate:
            mark, rest = (data[:1], data[1:]) if self._leading else (data[-1:], data[:-1])
            if mark not in (self._charset.plus, self._charset.minus):
                raise ValueError("has no sign where one stands by itself")
            return self._valued(rest.translate(self._charset.to_digits), mark == self._charset.minus)
        at = 0 if self._leading else -1
        digit, sign = self._marked.get(data[at], ("x", 1))
        plain = data.translate(self._charset.to_digits)
        if sign < 0 and not self._signed:
            raise ValueError("is negative, and its picture has no sign")
        text = digit.encode() + plain[1:] if self._leading else plain[:-1] + digit.encode()
        return self._valued(text, sign < 0)

    def _valued(self, digits: bytes, negative: bool) -> Any:
        if not digits.isdigit():
            raise ValueError(f"is no number: its byte {digits.index(b'x')} is no digit")
        return valued(negative, digits.decode(), self._scale)

    def write(self, value: Any) -> bytes:
        """The number's digits and sign."""
        text, negative = digits_of(value, self._digits, self._scale, self._signed)
        data = self._charset.encoded(text)
        if not self._signed:
            return data
        if self._separate:
            sign = self._charset.minus if negative else self._charset.plus
            return sign + data if self._leading else data + sign
        marks, at = self._negative if negative else self._positive, 0 if self._leading else -1
        mark = bytes([marks[int(text[at])]])
        return mark + data[1:] if self._leading else data[:-1] + mark


class Packed:
    """Two digits a byte, the last half byte the sign: COMP-3. Without a sign's half byte: COMP-6."""

    initial = 0

    def __init__(self, digits: int, scale: int, *, signed: bool = False, nibble: bool = True) -> None:
        self.length = (digits + nibble + 1) // 2
        self._digits, self._scale, self._signed, self._nibble = digits, scale, signed, nibble
        self._spare = 2 * self.length - digits - nibble

    def read(self, data: bytes) -> Any:
        """The number. C, A, E and F are plus, D and B minus."""
        text, negative = data.hex(), False
        if self._nibble:
            sign, text = text[-1], text[:-1]
            if sign not in "cfdaeb":
                raise ValueError("is no packed number: its last half byte is no sign")
            negative = sign in "db"
            if negative and not self._signed:
                raise ValueError("is negative, and its picture has no sign")
        if not text.isdecimal():
            raise ValueError("is no packed number: a half byte is no digit")
        if self._spare and text[0] != "0":
            raise ValueError(f"has more than the {self._digits} digits of its picture")
        return valued(negative, text, self._scale)

    def write(self, value: Any) -> bytes:
        """With C or D as the sign, F where the picture has none."""
        text, negative = digits_of(value, self._digits, self._scale, self._signed)
        sign = ("d" if negative else "c" if self._signed else "f") if self._nibble else ""
        return bytes.fromhex((text + sign).rjust(2 * self.length, "0"))


class Binary:
    """A two's complement number; `digits` is what its picture allows when written, None for all that fits."""

    initial = 0

    def __init__(
        self, length: int, scale: int, *, signed: bool = False, order: Order = "big", digits: int | None = None
    ) -> None:
        self.length = length
        self._scale, self._signed, self._order, self._digits = scale, signed, order, digits

    def read(self, data: bytes) -> Any:
        """The number, also where it has more digits than its picture, as programs with TRUNC(BIN) write them."""
        number = int.from_bytes(data, self._order, signed=self._signed)
        return valued(number < 0, str(abs(number)), self._scale) if self._scale else number

    def write(self, value: Any) -> bytes:
        """The number."""
        number = unscaled(value, self._scale)
        if self._digits is not None:
            digits_of(value, self._digits, self._scale, self._signed)
        try:
            return number.to_bytes(self.length, self._order, signed=self._signed)
        except OverflowError:
            raise ValueError(
                f"does not fit into {self.length} bytes{'' if self._signed else ' without sign'}"
            ) from None


class Ieee:
    """COMP-1 (4 bytes) and COMP-2 (8 bytes) as everywhere but on the mainframe."""

    initial = 0

    def __init__(self, length: int, order: Order = "big") -> None:
        self.length = length
        self._layout = (">" if order == "big" else "<") + ("f" if length == 4 else "d")

    def read(self, data: bytes) -> float:
        """The number. NaN and infinity are none."""
        found: float = struct.unpack(self._layout, data)[0]
        if not math.isfinite(found):
            raise ValueError("is not a finite number")
        return found

    def write(self, value: Any) -> bytes:
        """The nearest number."""
        try:
            return struct.pack(self._layout, float(exact(value)))
        except OverflowError:
            raise ValueError(f"is too large for {self.length} bytes") from None


class Hexadecimal:
    """COMP-1 (4 bytes) and COMP-2 (8 bytes) of IBM mainframes: a sign, an exponent of 16 and a fraction."""

    initial = 0

    def __init__(self, length: int) -> None:
        self.length = length
        self._bits = 8 * length - 8

    def read(self, data: bytes) -> float:
        """The number, to the nearest float: the fraction of COMP-2 has three bits more."""
        fraction = int.from_bytes(data[1:], "big")
        found = math.ldexp(fraction, 4 * ((data[0] & 0x7F) - 64) - self._bits)
        return -found if data[0] & 0x80 else found

    def write(self, value: Any) -> bytes:
        """The nearest number, its first hexadecimal digit not zero."""
        number = float(exact(value))
        mantissa, exponent = math.frexp(abs(number))
        if not mantissa:
            return bytes(self.length)
        sixteens = -(-exponent // 4)
        fraction = round(math.ldexp(mantissa, exponent - 4 * sixteens + self._bits))
        if fraction >> self._bits:
            fraction, sixteens = fraction >> 4, sixteens + 1
        if not 0 <= sixteens + 64 < 128:
            raise ValueError("is too large or too small for a hexadecimal float")
        first = (0x80 if number < 0 else 0) | (sixteens + 64)
        return bytes([first]) + fraction.to_bytes(self.length - 1, "big")
