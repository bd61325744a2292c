"""Reads the clauses of one data description entry. Enterprise COBOL's Language Reference, "Data description entry"."""

from collections.abc import Mapping, Sequence

from adapters.formats.copybook.entries import Depending, Entry, Literal
from adapters.formats.copybook.source import Word

USAGES = {
    "DISPLAY": "display", "BINARY": "binary", "COMP": "binary", "COMP-4": "binary", "COMPUTATIONAL": "binary",
    "COMPUTATIONAL-4": "binary", "COMP-5": "native", "COMPUTATIONAL-5": "native", "COMP-1": "single",
    "COMPUTATIONAL-1": "single", "COMP-2": "double", "COMPUTATIONAL-2": "double", "COMP-3": "packed",
    "COMPUTATIONAL-3": "packed", "PACKED-DECIMAL": "packed", "COMP-6": "unsigned packed",
    "COMPUTATIONAL-6": "unsigned packed",
}  # fmt: skip
UNREAD = (
    "DISPLAY-1", "NATIONAL", "UTF-8", "INDEX", "POINTER", "POINTER-32", "PROCEDURE-POINTER", "FUNCTION-POINTER",
    "OBJECT", "COMP-X", "COMPUTATIONAL-X", "COMP-N", "BINARY-CHAR", "BINARY-SHORT", "BINARY-LONG", "BINARY-DOUBLE",
    "FLOAT-SHORT", "FLOAT-LONG",
)  # fmt: skip
"""Usages that are not read."""
_FIGURATIVE: Mapping[str, Literal] = {
    "ZERO": 0, "ZEROS": 0, "ZEROES": 0, "SPACE": "", "SPACES": "", "HIGH-VALUE": b"\xff", "HIGH-VALUES": b"\xff",
    "LOW-VALUE": b"\0", "LOW-VALUES": b"\0", "NULL": b"\0", "NULLS": b"\0", "QUOTE": '"', "QUOTES": '"',
}  # fmt: skip


class Clauses:
    """Reads the words of one entry."""

    def __init__(self, rest: Sequence[Word], first: Word) -> None:
        self._rest = list(reversed(rest))
        self._last = first

    def _next(self, wanted: str) -> Word:
        if not self._rest:
            raise self._last.wrong(f"{wanted} is missing after {self._last.text}")
        self._last = self._rest.pop()
        return self._last

    def _is(self, *texts: str) -> bool:
        """Takes the next word if it is one of these."""
        if self._rest and self._rest[-1].text.upper() in texts:
            self._last = self._rest.pop()
            return True
        return False

    def entry(self, level: int) -> Entry:
        """The whole entry."""
        entry = Entry(self._last, level)
        if self._rest and self._rest[-1].text.upper() not in _CLAUSES:
            name = self._next("a name").text.upper()
            entry.name = "" if name == "FILLER" else name
            if not name.replace("-", "").replace("_", "").isalnum():
                raise self._last.wrong(f"{name} is neither a name nor a clause")
        while self._rest:
            word = self._next("a clause")
            read = _CLAUSES.get(word.text.upper())
            if read is None:
                raise word.wrong(f"{word.text} is not known here")
            read(self, entry)
        return entry

    def condition(self, entry: Entry) -> None:
        """An entry of level 88: its name and values."""
        name = self._next("a name").text.upper()
        if not self._is("VALUE", "VALUES"):
            raise self._last.wrong(f"VALUE is missing for {name}")
        self._is("IS", "ARE")
        while self._rest:
            first = last = self._literal()
            if self._is("THRU", "THROUGH"):
                last = self._literal()
            entry.conditions.append((name, first, last))
        if not entry.conditions:
            raise self._last.wrong(f"{name} has no value")

    def _literal(self) -> Literal:
        word = self._next("a value")
        text = word.text
        if text.upper() in _FIGURATIVE:
            return _FIGURATIVE[text.upper()]
        if text[0] in "\"'":
            return text[1:-1].replace(text[0] * 2, text[0])
        if text[:2].upper() in ('X"', "X'"):
            try:
                return bytes.fromhex(text[2:-1])
            except ValueError:
                raise word.wrong(f"{text} is no hexadecimal literal") from None
        return text

    def _number(self) -> int:
        word = self._next("a number")
        if not word.text.isdecimal() or len(word.text) > 9:
            raise word.wrong(f"{word.text[:40]} is not a number of up to nine digits")
        return int(word.text)

    def _picture(self, entry: Entry) -> None:
        self._is("IS")
        entry.picture = self._next("a picture").text

    def _usage(self, entry: Entry) -> None:
        if self._last.text.upper() == "USAGE":
            self._is("IS")
            self._next("a usage")
        word = self._last
        if word.text.upper() not in USAGES:
            raise word.wrong(f"USAGE {word.text.upper()} is not read")
        entry.usage = USAGES[word.text.upper()]

    def _sign(self, entry: Entry) -> None:
        if self._last.text.upper() == "SIGN":
            self._is("IS")
            self._next("LEADING or TRAILING")
        where = self._last.text.lower()
        if where not in ("leading", "trailing"):
            raise self._last.wrong("SIGN needs LEADING or TRAILING")
        entry.sign = where
        if self._is("SEPARATE"):
            entry.sign += " separate"
            self._is("CHARACTER")

    def _occurs(self, entry: Entry) -> None:
        entry.occurs, entry.low = True, self._number()
        entry.high = self._number() if self._is("TO") else entry.low
        self._is("TIMES")
        while self._rest and (word := self._rest[-1].text.upper()) in (
            "DEPENDING",
            "ASCENDING",
            "DESCENDING",
            "INDEXED",
        ):
            self._next(word)
            if word == "DEPENDING":
                self._is("ON")
                entry.depending = self._depending()
            else:
                self._keys()
        if entry.low > entry.high or entry.high < 1 or (entry.depending is None and entry.low != entry.high):
            raise self._last.wrong(f"OCCURS {entry.low} TO {entry.high} cannot be without DEPENDING ON, or never is")

    def _depending(self) -> Depending:
        name, groups = self._next("a field").text.upper(), []
        while self._is("OF", "IN"):
            groups.append(self._next("a group").text.upper())
        return Depending(name, groups)

    def _keys(self) -> None:
        """Names of keys and indices, which say nothing of the storage."""
        self._is("KEY")
        self._is("IS", "BY")
        self._next("a name")
        while self._rest and self._rest[-1].text.upper() not in (*_CLAUSES, "ASCENDING", "DESCENDING", "INDEXED"):
            self._next("a name")

    def _value(self, entry: Entry) -> None:
        self._is("IS", "ARE")
        entry.repeated = self._is("ALL")
        entry.value = self._literal()

    def _redefines(self, entry: Entry) -> None:
        entry.redefines = self._next("a name").text.upper()

    def _synchronized(self, entry: Entry) -> None:
        entry.synchronized = True
        self._is("LEFT", "RIGHT")

    def _justified(self, entry: Entry) -> None:
        entry.right = True
        self._is("RIGHT")

    def _blank(self, entry: Entry) -> None:
        self._is("WHEN")
        if not self._is("ZERO", "ZEROS", "ZEROES"):
            raise self._last.wrong("BLANK needs WHEN ZERO")
        entry.blank_when_zero = True

    def _scope(self, entry: Entry) -> None:
        """GLOBAL and EXTERNAL say nothing of the storage."""


_CLAUSES = {
    "PIC": Clauses._picture, "PICTURE": Clauses._picture, "SIGN": Clauses._sign, "LEADING": Clauses._sign,
    "TRAILING": Clauses._sign, "OCCURS": Clauses._occurs, "VALUE": Clauses._value, "VALUES": Clauses._value,
    "REDEFINES": Clauses._redefines, "SYNC": Clauses._synchronized, "SYNCHRONIZED": Clauses._synchronized,
    "JUST": Clauses._justified, "JUSTIFIED": Clauses._justified, "BLANK": Clauses._blank,
    "GLOBAL": Clauses._scope, "EXTERNAL": Clauses._scope, "USAGE": Clauses._usage,
    **dict.fromkeys((*USAGES, *UNREAD), Clauses._usage),
}  # fmt: skip
