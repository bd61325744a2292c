"""Bounds what a process remembers of the names in messages.

lxml keeps every name that a thread has ever parsed, prefixes and namespaces too, and blank texts of 16 to 59 bytes: it
never forgets one while the thread lives. So that nobody can make a process grow, messages with more new names than
there is room for are parsed in a thread of their own, whose memory ends with it.
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import TypeVar

ROOM = 4096
"""Names that messages may bring beside those of the schema."""
TOKENS = 8192
"""Start tags that are recognised as they are written, and those among them that may have attributes."""
ATTRIBUTED = 1024

Result = TypeVar("Result")

_START = re.compile(rb"([^\s/>\"'=]+)((?:\s+[^\s=\"'<>/]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*/?")
_ATTRIBUTE = re.compile(rb"([^\s=\"'<>/]+)\s*=\s*(\"[^\"]*\"|'[^']*')")
_NAMELESS = (b"!--", b"![CDATA[", b"?xml ")
_BLANKS = re.compile(rb">([ \t\r\n]{16,59})<")
_AS_SPACES = bytes.maketrans(b"\t\r\n", b"   ")
_LONG_BLANK = b" " * 16


class Names:
    """The names that may be parsed in this thread: those known from the start, and room for some more."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """`known`: local names and namespaces of the schema."""
        self._names = {name.encode() for name in known}
        self._most = len(self._names) + ROOM
        self._seen: set[bytes] = set()
        self._attributed: set[bytes] = set()

    def admit(self, body: bytes, tokens: Sequence[bytes]) -> bool:
        """Whether the message has no more new names than there is room for; they are known from then on.

        `tokens` are what stands in `body` between `<` and `>`, without end tags."""
        if not self._seen.issuperset(tokens):
            for token in set(tokens) - self._seen:
                if not self._learn(token):
                    return False
        # Most messages have none of these, and that is sooner seen.
        blank = b"\n" in body or b"  " in body or b"\t" in body or b"\r" in body
        if blank and _LONG_BLANK in body.translate(_AS_SPACES):
            return self._make_room(set(_BLANKS.findall(body)))
        return True

    def _learn(self, token: bytes) -> bool:
        names = _names_in(token)
        if names is None or not self._make_room(names):
            return False
        # Tags with attributes differ from message to message; they may push out each other, but no plain ones.
        if b"=" in token:
            if len(self._attributed) >= ATTRIBUTED:
                self._seen -= self._attributed
                self._attributed.clear()
            self._attributed.add(token)
            self._seen.add(token)
        elif len(self._seen) < TOKENS:
            self._seen.add(token)
        return True

    def _make_room(self, names: set[bytes]) -> bool:
        fresh = names - self._names
        if len(self._names) + len(fresh) > self._most:
            return False
        self._names |= fresh
        return True


def _names_in(token: bytes) -> set[bytes] | None:
    """What lxml would remember of a start tag; None where that cannot be told."""
    match = _START.fullmatch(token)
    if match is None or token.startswith(_NAMELESS):
        return set() if token.startswith(_NAMELESS) else None
    names = set(match[1].split(b":"))
    for name, value in _ATTRIBUTE.findall(match[2]):
        if name.startswith(b"xml:") and name != b"xml:lang":
            return None  # xml:id and xml:space have lxml remember more than names
        names.update(name.split(b":"))
        if name.startswith(b"xmlns"):
            names.add(value[1:-1])
    return names


def apart(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, done in a thread that ends with it; about 0.2 ms."""
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, name="parse-apart")
    thread.start()
    thread.join()
    return done.result()
