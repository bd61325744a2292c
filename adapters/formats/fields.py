"""How one field of a record is written: as text, or wrapped around another way. Numbers as programs store them stand in
`storage`.

`read` takes exactly `length` bytes and raises ValueError with what is wrong and never the value; `write` gives exactly
`length` bytes and raises ValueError as well.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, Protocol

from adapters.formats.charset import Charset
from adapters.formats.numbers import digits_of, exact, valued


class Coding(Protocol):
    """How one field is written."""

    length: int
    initial: Any
    """What COBOL's INITIALIZE puts there."""

    def read(self, data: bytes) -> Any:
        """The value of exactly `length` bytes. Raises ValueError."""

    def write(self, value: Any) -> bytes:
        """Exactly `length` bytes. Raises ValueError."""


class Text:
    """Characters, filled up with blanks or another character, which reading takes away again."""

    initial = ""

    def __init__(
        self, length: int, charset: Charset, *, right: bool = False, pad: str = " ", trim: bool = True
    ) -> None:
        """`right`: justified to the right."""
        self.length = length
        self._charset, self._right, self._pad, self._trim = charset, right, charset.encoded(pad), trim
        self._sign = pad

    def read(self, data: bytes) -> str:
        """The text without its padding."""
        text = self._charset.text(data)
        if not self._trim:
            return text
        return text.lstrip(self._sign) if self._right else text.rstrip(self._sign)

    def write(self, value: Any) -> bytes:
        """Of text, whole numbers and decimals; None as blanks."""
        data = self._charset.encoded(_spelled(value))
        if len(data) > self.length:
            raise ValueError(f"has {len(data)} bytes, its place has {self.length}")
        return data.rjust(self.length, self._pad) if self._right else data.ljust(self.length, self._pad)


def _spelled(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"is {type(value).__name__}, not text")
    return value if isinstance(value, str) else format(exact(value), "f")


class Spelled:
    """A number as people write it, `-12.50`, within its place; what fills it up is taken away."""

    initial = 0

    def __init__(self, length: int, charset: Charset, *, scale: int | None, right: bool = True, pad: str = " ") -> None:
        """`scale`: as many places behind the point are written; None for as many as the value has."""
        self.length = length
        self._charset, self._scale, self._right, self._pad = charset, scale, right, charset.encoded(pad)
        self._sign = pad

    def read(self, data: bytes) -> Any:
        """An int, or a Decimal where there is a point."""
        text = self._charset.text(data).strip(" ")
        text = text if self._sign in " 0" else text.strip(self._sign)
        number = exact(text)
        return int(number) if text.lstrip("+-").isdecimal() else number

    def write(self, value: Any) -> bytes:
        """The number with its sign, filled up."""
        number = exact(value)
        if self._scale is not None:
            text, negative = digits_of(number, max(self.length, self._scale + 1), self._scale, signed=True)
            number = exact(valued(negative, text, self._scale))
        sign = self._charset.minus if number < 0 else b""
        data = self._charset.encoded(format(abs(number), "f"))
        if len(sign + data) > self.length:
            raise ValueError(f"has more than the {self.length} characters of its place")
        if self._right and self._pad == self._charset.zero:
            return sign + data.rjust(self.length - len(sign), self._pad)
        return (
            (sign + data).rjust(self.length, self._pad) if self._right else (sign + data).ljust(self.length, self._pad)
        )


class Blank:
    """A number whose place may be blank: None, or zero where the picture says BLANK WHEN ZERO."""

    def __init__(self, coding: Coding, charset: Charset, value: Literal[0] | None) -> None:
        self.length = coding.length
        self.initial = coding.initial
        self._coding, self._value, self._blanks = coding, value, charset.space * coding.length

    def read(self, data: bytes) -> Any:
        """The number, or what blanks stand for."""
        return self._value if data == self._blanks else self._coding.read(data)

    def write(self, value: Any) -> bytes:
        """The number, or blanks."""
        if value is None or (self._value == 0 and exact(value) == 0):
            return self._blanks
        return self._coding.write(value)


class Named:
    """A field whose values have names, as level 88 gives them; a value without a name stands for itself."""

    def __init__(self, coding: Coding, names: Sequence[tuple[str, Any, Any]]) -> None:
        """`names`: each with the first and last value that it stands for."""
        self.length = coding.length
        self.initial = coding.initial
        self._coding, self._ranges = coding, names
        self._values = {name: first for name, first, _ in reversed(names)}

    def read(self, data: bytes) -> Any:
        """The name of the value, or the value."""
        value = self._coding.read(data)
        if value is None:
            return None
        return next((name for name, first, last in self._ranges if first <= value <= last), value)

    def write(self, value: Any) -> bytes:
        """The first value that a name stands for, or the value."""
        return self._coding.write(self._values.get(value, value) if isinstance(value, str) else value)


class Filler:
    """A place without a value."""

    initial = b""

    def __init__(self, length: int) -> None:
        self.length = length

    def read(self, data: bytes) -> None:
        """Nothing."""

    def write(self, value: Any) -> bytes:
        """The bytes that stand there."""
        return bytes(value)
