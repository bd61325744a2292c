"""The entries of a copybook as a tree by their level numbers."""

from pathlib import Path

from adapters.formats.config import CopybookSettings
from adapters.formats.copybook.clauses import Clauses
from adapters.formats.copybook.entries import Entry
from adapters.formats.copybook.source import Word, words
from gateway.contract import ConfigError


def entries(path: Path, settings: CopybookSettings) -> list[Entry]:
    """The records of a copybook. Raises ConfigError with file and line."""
    found = _sentences(words(path, settings.source, settings.replacing))
    if not found:
        raise ConfigError(f"{path}: there is no data description in it")
    roots: list[Entry] = []
    stack: list[Entry] = []
    for sentence in found:
        level = _level(sentence[0])
        if level == 66:
            continue  # another name for storage that is described already
        if level == 88:
            if not stack:
                raise sentence[0].wrong("level 88 needs a field before it")
            Clauses(sentence[1:], sentence[0]).condition(stack[-1])
            continue
        entry = Clauses(sentence[1:], sentence[0]).entry(level)
        level = entry.level
        while stack and stack[-1].level >= level:
            stack.pop()
        if stack and stack[-1].picture:
            raise entry.word.wrong(f"{entry.name or 'FILLER'} is below {stack[-1].name}, which has a picture")
        (stack[-1].below if stack else roots).append(entry)
        stack.append(entry)
    return roots


def _sentences(found: list[Word]) -> list[list[Word]]:
    sentences: list[list[Word]] = [[]]
    for word in found:
        if word.text == ".":
            sentences.append([])
        else:
            sentences[-1].append(word)
    if sentences[-1]:
        raise sentences[-1][-1].wrong(
            "the last entry has no full stop; of a source with columns only 8 to 72 are read, `source: free` reads all"
        )
    return [sentence for sentence in sentences if sentence]


def _level(word: Word) -> int:
    level = int(word.text) if word.text.isdecimal() and len(word.text) <= 2 else 0
    if not (1 <= level <= 49 or level in (66, 77, 88)):
        what = "EXEC SQL is not read; give the copybook it includes" if word.text.upper() == "EXEC" else (
            f"{word.text} is no level number")  # fmt: skip
        raise word.wrong(what)
    return 1 if level == 77 else level
