"""Typed sections out of a document's values; what does not fit becomes complaints with the path and line."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from gateway.complaints import Complaint, Key, complaints, dotted, placed
from gateway.document import Document, Reading
from gateway.settings import Settings

S = TypeVar("S", bound=Settings)


def validated(model: type[S], path: Key, document: Document, reading: Reading) -> S | None:
    """The section at a path; None where it does not fit, and `reading.problems` says why.

    A text that came from the environment and does not fit is tried as the number or truth value it spells."""
    while True:
        data = _own(model, path, reading)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            places = {(*path, *placed(problem, data)[0]) for problem in error.errors(include_url=False)}
            retried = [reading.retry(place) for place in places]
            if not any(retried):
                _complain(complaints(error, model, data), path, document, reading)
                return None


def _complain(wrong: Sequence[tuple[Key, str]], path: Key, document: Document, reading: Reading) -> None:
    """Adds what is wrong below a path, save where it follows from what was said of the same place before."""
    told = {problem.path for problem in reading.problems}
    new = [complaint((*path, *place), message, document, reading) for place, message in wrong]
    reading.problems.extend(problem for problem in new if problem.path not in told)


def _own(model: type[Settings], path: Key, reading: Reading) -> Any:
    """What of a component's section is its own: all but the `type`, which the registry reads."""
    data = reading.at(path)
    if path and isinstance(data, dict) and "type" not in model.model_fields:
        return {key: value for key, value in data.items() if key != "type"}
    return data


def complaint(path: Key, message: str, document: Document, reading: Reading) -> Complaint:
    """A complaint at the best line for it. A message that begins with a path below is about that path; one that
    names a key of the section is best shown where that key is."""
    head, colon, rest = message.partition(": ")
    inner = document.locate(head, path) if colon else None
    if inner is not None:
        path, message = inner, rest
    line = document.line(path)
    section = document.below(path)
    if inner is None and section:
        named = next((word for word in re.findall(r"\w+", message) if word in section), None)
        line = document.line((*path, named)) if named else line
    return Complaint(line, dotted(path), _hidden(message, path, reading))


def _hidden(message: str, path: Key, reading: Reading) -> str:
    """The message with what came from the environment or a file shown as it stands in the document."""
    shown: dict[str, str] = {}
    for place, value in reading.values.items():
        if place[: len(path)] == path and value:
            written = reading.written[place]
            shown |= {value: written, repr(value)[1:-1]: written}
    shown |= {written: written for written in shown.values()}
    if not shown:
        return message
    spelled = "|".join(re.escape(text) for text in sorted(shown, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{spelled})(?!\w)", lambda match: shown[match[0]], message)
