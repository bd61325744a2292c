"""How an elementary item of a copybook is stored: its usage and picture to a coding, its length and its boundary."""

from dataclasses import dataclass
from typing import Any

from adapters.formats.charset import Charset
from adapters.formats.config import CopybookSettings
from adapters.formats.copybook.entries import Entry
from adapters.formats.copybook.picture import Picture, picture
from adapters.formats.fields import Blank, Coding, Named, Text
from adapters.formats.record import ABSENT
from adapters.formats.storage import Binary, Hexadecimal, Ieee, Packed, Zoned

MOST_BINARY = 18
"""Digits of a binary number."""
MOST_LONG = 4
"""Bytes of the largest boundary of a binary number: a fullword, also where it has eight bytes."""


@dataclass(slots=True, frozen=True)
class Inherited:
    """What a group says for all that is below."""

    usage: str
    sign: str
    synchronized: bool


def inherited(entry: Entry, above: Inherited) -> Inherited:
    """What an entry says, or the groups around it."""
    return Inherited(entry.usage or above.usage, entry.sign or above.sign, entry.synchronized or above.synchronized)


def coding(entry: Entry, own: Inherited, settings: CopybookSettings, charset: Charset) -> Coding:
    """How the item is written. Raises ConfigError with file and line for what is not read."""
    usage = own.usage or "display"
    try:
        if usage in ("single", "double"):
            if entry.picture:
                raise ValueError("COMP-1 and COMP-2 have no picture")
            length = 4 if usage == "single" else 8
            return Hexadecimal(length) if settings.floats == "ibm" else Ieee(length, settings.native_order)
        if not entry.picture:
            raise ValueError(f"{entry.name or 'FILLER'} has neither a picture nor fields below")
        found = picture(entry.picture)
        made = _text(entry, found, usage, settings, charset) or _number(found, usage, own, settings, charset)
        return _wrapped(entry, found, made, usage, settings, charset)
    except ValueError as error:
        raise entry.word.wrong(str(error)) from None


def _text(entry: Entry, found: Picture, usage: str, settings: CopybookSettings, charset: Charset) -> Coding | None:
    if found.kind == "number":
        return None
    if usage != "display":
        raise ValueError(f"PIC {entry.picture} cannot be a binary or packed number")
    if found.kind == "edited" and settings.edited == "refuse":
        raise ValueError(
            f"PIC {entry.picture} is edited, which is not read as a number; `edited: text` takes it as text"
        )
    return Text(found.length, charset, right=entry.right, trim=settings.trim)


def _number(found: Picture, usage: str, own: Inherited, settings: CopybookSettings, charset: Charset) -> Coding:
    if usage == "packed":
        return Packed(found.digits, found.scale, signed=found.signed)
    if usage == "unsigned packed":
        if found.signed:
            raise ValueError("COMP-6 has no sign")
        return Packed(found.digits, found.scale, nibble=False)
    if usage in ("binary", "native"):
        native = usage == "native"
        return Binary(
            _bytes(found.digits, settings), found.scale, signed=found.signed,
            order=settings.native_order if native else "big", digits=None if native else found.digits,
        )  # fmt: skip
    return Zoned(
        found.digits, found.scale, charset, signed=found.signed, leading=own.sign.startswith("leading"),
        separate=own.sign.endswith("separate"), overpunch=settings.overpunch,
    )  # fmt: skip


def _bytes(digits: int, settings: CopybookSettings) -> int:
    if digits > MOST_BINARY:
        raise ValueError(f"a binary number has {MOST_BINARY} digits at most")
    if digits <= 2 and settings.binary_sizes == "1-2-4-8":
        return 1
    return 2 if digits <= 4 else 4 if digits <= 9 else 8


def _wrapped(
    entry: Entry, found: Picture, made: Coding, usage: str, settings: CopybookSettings, charset: Charset
) -> Coding:
    if found.kind == "number" and usage == "display":
        if entry.blank_when_zero:
            made = Blank(made, charset, 0)
        elif settings.blank_numbers == "nil":
            made = Blank(made, charset, None)
    if settings.condition_names and entry.conditions:
        made = Named(made, [(name, _value(made, first), _value(made, last)) for name, first, last in entry.conditions])
    return made


def _value(made: Coding, literal: Any) -> Any:
    """A literal as the field's value."""
    return made.read(literal * made.length if isinstance(literal, bytes) else made.write(literal))


def aligned(entry: Entry, own: Inherited, settings: CopybookSettings) -> int:
    """The boundary that an elementary item needs, 1 where none."""
    if not own.synchronized:
        return 1
    if own.usage in ("single", "double"):
        return 4 if own.usage == "single" else 8
    if own.usage not in ("binary", "native") or not entry.picture:
        return 1
    try:
        return min(_bytes(picture(entry.picture).digits, settings), MOST_LONG)
    except ValueError as error:
        raise entry.word.wrong(str(error)) from None


def initial(entry: Entry, made: Coding, charset: Charset) -> Any:
    """What VALUE says, ABSENT where it says nothing or nothing that a field with a name can be given."""
    value = entry.value
    if value is None:
        return ABSENT
    if isinstance(value, bytes):
        filled = (value * made.length)[: made.length] if len(value) == 1 or entry.repeated else value
        filled = filled.ljust(made.length, charset.space)[: made.length]
        return ABSENT if entry.name else filled
    if isinstance(value, str) and entry.repeated and value:
        return (value * made.length)[: made.length]
    return value


_USAGES = {
    "binary": "COMP", "native": "COMP-5", "packed": "COMP-3", "unsigned packed": "COMP-6", "single": "COMP-1",
    "double": "COMP-2",
}  # fmt: skip


def described(entry: Entry, own: Inherited) -> str:
    """The clauses that say how it is stored, those of the groups around it included."""
    numeric = not entry.below and own.usage in _USAGES
    parts = [f"PIC {entry.picture}" if entry.picture else "", _USAGES[own.usage] if numeric else ""]
    parts += [f"SIGN {own.sign.upper()}"] * bool(own.sign and entry.picture.upper().startswith("S") and not numeric)
    parts += ["SYNC"] * (numeric and own.synchronized)
    parts += ["JUSTIFIED"] * entry.right + ["BLANK WHEN ZERO"] * entry.blank_when_zero
    if entry.depending:
        parts.append(f"OCCURS {entry.low} TO {entry.high} DEPENDING ON {entry.depending.name}")
    elif entry.occurs:
        parts.append(f"OCCURS {entry.high}")
    parts += [f"REDEFINES {entry.redefines}"] if entry.redefines else []
    return " ".join(filter(None, parts))
