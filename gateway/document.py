"""understudy.yaml as a document: its values, the line of each, what it takes from the environment, and edits that
leave every other byte alone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway import interpolation
from gateway.complaints import Complaint, Key, Resolved, dotted
from gateway.contract import ConfigError
from gateway.nodes import Core, Faulty, Items, Node, Pairs, Scalar, children, compose, core, solid

NAME = "understudy.yaml"
_STAND_INS: tuple[Core, ...] = ("withheld", "http://withheld.invalid/", "1s", "1KiB", 1, False)


@dataclass(slots=True)
class Reading:
    """A document's values with its references resolved, and what could not be resolved."""

    data: dict[str, Any]
    written: dict[Key, str] = field(default_factory=dict)
    """The text as it stands in the document, of each value that came from elsewhere."""
    values: dict[Key, str] = field(default_factory=dict)
    """The text that came from elsewhere; never to be shown."""
    spare: dict[Key, list[Core]] = field(default_factory=dict)
    """What such a value may also stand for, if the text does not fit: the number it spells. Last, the text again."""
    problems: list[Complaint] = field(default_factory=list)

    def at(self, path: Sequence[str | int]) -> Any:
        """The value at a path that exists."""
        value: Any = self.data
        for part in path:
            value = value[part]
        return value

    def retry(self, path: Key) -> bool:
        """Puts the next thing that the value at a path may stand for in its place; False if there is none."""
        if not self.spare.get(path):
            return False
        self.at(path[:-1])[path[-1]] = self.spare[path].pop(0)
        return True


class Document:
    """A parsed configuration file, its references not yet resolved."""

    def __init__(self, text: str, name: str = NAME) -> None:
        """Raises ConfigError with the one thing that keeps the text from being read."""
        self.text = text
        self.name = name
        try:
            self.root = compose(text)
        except Faulty as error:
            raise ConfigError(f"{name} line {error.line}: {error}") from error

    def line(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the key or item at a path; of the nearest thing above it where it does not exist."""
        node: Node = self.root
        line = self.root.line
        for part in path:
            inside = solid(node)
            if isinstance(inside, Pairs) and part in inside.items:
                key, node = inside.items[str(part)]
                line = key.line
            elif isinstance(inside, Items) and isinstance(part, int) and part < len(inside.items):
                node = inside.items[part]
                line = node.line
            else:
                break
        return line

    def sentence(self, problem: str) -> str:
        """A problem that begins with its dotted path, with file and line: of the key there that it quotes, or of what
        is nearest to its path."""
        place, _, message = problem.partition(": ")
        quoted, near = re.findall(r"'([^']*)'", message), place
        while (path := self.locate(near)) is None:
            near = near[: max(near.rfind("."), near.rfind("["), 0)]
        named = [word for word in quoted if near == place and word in self.below(path)]
        return Complaint(self.line((*path, *named[:1])), "", problem).sentence(self.name)

    def locate(self, path: str, below: Key = ()) -> Key | None:
        """The path that was meant by its dotted spelling; keys may hold dots themselves. None if there is none."""
        if not path:
            return below
        for part, _ in children(self._node(below)):
            shown = f"[{part}]" if isinstance(part, int) else str(part)
            rest = path.removeprefix(shown)
            if rest != path and (not rest or rest[0] in ".["):
                deeper = self.locate(rest.removeprefix("."), (*below, part))
                if deeper is not None:
                    return deeper
        return None

    def written(self) -> dict[str, Any]:
        """The values with every reference as it is written."""
        values: dict[str, Any] = _built(self.root)
        return values

    def plain(self, environ: Mapping[str, str], folder: Path = Path()) -> dict[str, Any]:
        """The values, every reference resolved. Raises ConfigError with a sentence for each that cannot be."""
        reading = self.read(environ, folder)
        if reading.problems:
            raise ConfigError(*(problem.sentence(self.name) for problem in sorted(reading.problems)))
        return reading.data

    def read(self, environ: Mapping[str, str], folder: Path = Path(), withhold: Key | None = None) -> Reading:
        """The values, references resolved where they can be. Below `withhold` an absent variable is no problem, and
        files are not read: an empty text stands for them, or whatever else passes validation."""
        reading = Reading(self.written())
        for path, scalar in self._references(()):
            value = self._value(path, scalar, reading, environ, folder, withhold)
            reading.at(path[:-1])[path[-1]] = value
        return reading

    def _value(
        self, path: Key, scalar: Scalar, reading: Reading, environ: Mapping[str, str], folder: Path,
        withhold: Key | None,
    ) -> str:  # fmt: skip
        reading.written[path] = scalar.text
        try:
            if withhold is not None and path[: len(withhold)] == withhold:
                value = interpolation.withheld(scalar.text, environ)
                if value is not None:
                    reading.spare[path] = [*_STAND_INS, value]
                    return value
            value = interpolation.resolve(scalar.text, environ, folder)
        except interpolation.Unresolved as error:
            reading.problems.append(Complaint(self.line(path), dotted(path), str(error)))
            return ""
        reading.values[path] = value
        resolved = Resolved(value, scalar.text)
        if not scalar.style and not isinstance(meant := core(value), str):
            reading.spare[path] = [meant, resolved]
        return resolved

    def referenced(self, prefix: Sequence[str | int] = ()) -> set[str]:
        """The environment variables that are referred to at or below a path."""
        texts = (scalar.text for _, scalar in self._references(tuple(prefix)))
        return {name for text in texts for name in interpolation.names(text)}

    def exclusive(self, prefix: Sequence[str | int]) -> set[str]:
        """The environment variables that are referred to at or below a path and nowhere else."""
        above = tuple(prefix)
        elsewhere = (scalar.text for path, scalar in self._references(()) if path[: len(above)] != above)
        return self.referenced(above) - {name for text in elsewhere for name in interpolation.names(text)}

    def _references(self, prefix: Key) -> Iterator[tuple[Key, Scalar]]:
        return ((path, scalar) for path, scalar in _scalars(self._node(prefix), prefix) if "${" in scalar.text)

    def below(self, path: Key) -> set[str | int]:
        """The keys or indices below a path."""
        return {part for part, _ in children(self._node(path))}

    def _node(self, path: Key) -> Node:
        node: Node = self.root
        for part in path:
            node = dict(children(node)).get(part, Items(0, 0, flow=False))
        return node


def parse(text: str, name: str = NAME) -> Document:
    """The document of a text. Raises ConfigError with one sentence, which names the line."""
    return Document(text, name)


def decode(data: bytes, name: str = NAME) -> str:
    """The text of a configuration file, line ends as they are. Raises ConfigError where it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name} line {line}: is not UTF-8; save the file as UTF-8") from error


def _scalars(node: Node, path: Key) -> Iterator[tuple[Key, Scalar]]:
    node = solid(node)
    if isinstance(node, Scalar):
        yield path, node
    for part, child in children(node):
        yield from _scalars(child, (*path, part))


def _built(node: Node) -> Any:
    node = solid(node)
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Items):
        return [_built(child) for child in node.items]
    return {key: _built(child) for key, child in children(node)}
