"""The text of a copybook without columns, comments and continuations, what it copies put in, cut into words.

Columns and continuation as in Enterprise COBOL's Language Reference, "Reference format"; free source as in COBOL 2002.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gateway.contract import ConfigError

LARGEST = 4 << 20
"""Bytes of a source file at most."""
DEEPEST = 10
"""How deep COPY may be nested."""

_ENDINGS = ("", ".cpy", ".cbl", ".cob", ".copy")
_TEXT = r"\"(?:[^\"\n]|\"\")*\"|'(?:[^'\n]|'')*'"
_WORD = re.compile(
    rf"==.*?==|[XxZzNnGg]?(?:{_TEXT})|\.(?=\s|$)|(?P<blank>[,;](?=\s|$))"
    rf"|[^\s\"']+?(?=[.,;]?(?:\s|$)|[\"'])|(?P<open>[\"'])",
    re.DOTALL,
)
_LITERAL = re.compile(_TEXT)

Layout = Literal["auto", "fixed", "free"]


@dataclass(slots=True, frozen=True)
class Word:
    """A word, a literal, a picture or a full stop of the source, and where it stands."""

    text: str
    file: str
    line: int

    def wrong(self, message: str) -> ConfigError:
        """What is wrong here."""
        return ConfigError(f"{self.file} line {self.line}: {message}")


def words(path: Path, layout: Layout, replacing: Mapping[str, str]) -> list[Word]:
    """All words of a copybook, those that it copies included. Raises ConfigError with file and line."""
    return list(_copied(path, layout, [(re.compile(_pattern(old)), new) for old, new in replacing.items()], 0))


def _copied(path: Path, layout: Layout, replacing: list[tuple[re.Pattern[str], str]], depth: int) -> Iterator[Word]:
    found = iter(_cut(_replaced(_plain(_read(path), layout), replacing), path.name))
    for word in found:
        if word.text.upper() != "COPY":
            yield word
            continue
        if depth == DEEPEST:
            raise word.wrong(f"COPY is nested deeper than {DEEPEST}")
        name, pairs = _statement(word, found)
        yield from _copied(_beside(path, name, word), layout, pairs, depth + 1)


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise ConfigError(f"{path}: has more than {LARGEST} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _plain(text: str, layout: Layout) -> str:
    """The text with as many lines, and nothing but source on them."""
    lines = [line.expandtabs(8) for line in text.replace("\x1a", "").splitlines()]
    fixed = layout == "fixed" or (layout == "auto" and all(map(_has_columns, lines)))
    return _columns(lines) if fixed else "\n".join(map(_uncommented, lines)) + "\n"


def _has_columns(line: str) -> bool:
    """Whether a line may be in columns: nothing or a number before column 7, a known sign in it."""
    number = line[:6].strip()
    return not line.strip() or ((not number or (len(number) == 6 and number.isalnum())) and line[6:7] in " *-/Dd$")


def _columns(lines: list[str]) -> str:
    made, pending = "", 0
    for line in lines:
        sign, text = line[6:7], line[7:72]
        if sign == "-" and made:
            made, pending = _continued(made, text), pending + 1
            continue
        if sign in ("*", "/", "D", "d", "$"):
            pending += 1
            continue
        made += "\n" * pending + _uncommented(text.ljust(65) if _open(_LITERAL.sub("", text)) else text)
        pending = 1
    return made + "\n"


def _open(text: str) -> bool:
    """Whether a literal is left open."""
    return '"' in text or "'" in text


def _continued(before: str, text: str) -> str:
    """A line that goes on with the last one: a literal behind its quote, a word with its next letter."""
    last = _LITERAL.sub("", before.rpartition("\n")[2])
    text = text.lstrip()
    if _open(last):
        return before + text[1:]
    return before.rstrip(" ") + text


def _uncommented(line: str) -> str:
    """The line up to `*>`, unless that stands in a literal."""
    for match in re.finditer(rf"{_TEXT}|\*>", line):
        if match[0] == "*>":
            return line[: match.start()]
    return line


def _replaced(text: str, replacing: list[tuple[re.Pattern[str], str]]) -> str:
    for old, new in replacing:
        parts = re.split(f"({_TEXT})", text)
        parts[::2] = (old.sub(lambda match, new=new: new + "\n" * match[0].count("\n"), part) for part in parts[::2])
        text = "".join(parts)
    return text


def _pattern(old: str, where: str = "") -> str:
    """Finds this text as whole words, in capitals or not; LEADING or TRAILING as the part of a word."""
    spelled = r"\s+".join(map(re.escape, old.split()))
    before = r"(?<![\w-])" if re.match(r"[\w-]", old) and where != "TRAILING" else ""
    behind = r"(?![\w-])" if re.search(r"[\w-]$", old) and where != "LEADING" else ""
    return f"(?i){before}{spelled}{behind}"


def _cut(text: str, file: str) -> Iterator[Word]:
    place, line = 0, 1
    for match in _WORD.finditer(text):
        line += text.count("\n", place, match.start())
        place = match.start()
        word = Word(match[0], file, line)
        if match["open"]:
            raise word.wrong("a literal is not closed")
        if not match["blank"]:
            yield word


def _statement(copy: Word, found: Iterator[Word]) -> tuple[str, list[tuple[re.Pattern[str], str]]]:
    """The name and the replacements of a COPY statement, read up to its full stop."""
    parts = []
    for word in found:
        if word.text == ".":
            break
        parts.append(word.text)
    if not parts:
        raise copy.wrong("COPY needs the name of a copybook")
    name, rest = parts[0].strip("\"'"), parts[1:]
    if rest and rest[0].upper() in ("OF", "IN"):
        rest = rest[2:]
    if rest and rest[0].upper() == "SUPPRESS":
        rest = rest[1:]
    if rest and rest[0].upper() != "REPLACING":
        raise copy.wrong(f"COPY {name}: {rest[0]} is not known here")
    return name, list(_pairs(copy, rest[1:]))


def _pairs(copy: Word, rest: list[str]) -> Iterator[tuple[re.Pattern[str], str]]:
    while rest:
        where = rest.pop(0).upper() if rest[0].upper() in ("LEADING", "TRAILING") else ""
        if len(rest) < 3 or rest[1].upper() != "BY":
            raise copy.wrong("COPY REPLACING needs pairs: ==old== BY ==new==")
        old, _, new = rest[:3]
        if not _bare(old):
            raise copy.wrong("COPY REPLACING needs a text to replace")
        yield re.compile(_pattern(_bare(old), where)), _bare(new)
        rest = rest[3:]


def _bare(text: str) -> str:
    return text[2:-2].strip() if text.startswith("==") and text.endswith("==") else text


def _beside(path: Path, name: str, copy: Word) -> Path:
    """The file of a copybook, whatever its letters' case, in the folder of the one that copies it."""
    wanted = {(name + ending).lower() for ending in _ENDINGS}
    for one in sorted(path.parent.iterdir()):
        if one.name.lower() in wanted and one.is_file():
            return one
    raise copy.wrong(f"COPY {name}: there is no such file beside {path.name}")
