"""Which segments a record is in, by its canonical fields; agreement is told for each. Pure."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from gateway.canonical import Canonical, Test
from gateway.comparison import Segment
from gateway.condition import NUMERIC, compile_conditions, known_field
from gateway.contract import ConfigError
from gateway.conversion import converter, text
from gateway.rules import FieldRule

OTHER, MISSING = "other", "missing"

Segments = Callable[[Canonical], tuple[str, ...]]
"""The labels of a record's segments: `large` of a condition, `purpose: car` of a value, `age: 25 to below 40` of a
band. No value that the configuration does not name is ever in a label."""

_Label = Callable[[Canonical], str]


def compile_segments(segments: Mapping[str, Segment], fields: Mapping[str, FieldRule]) -> Segments:
    """The segments of a route. Raises ConfigError, which names the segment below `segments`."""
    labels = [_compiled(name, segment, fields) for name, segment in segments.items()]
    if not labels:
        return lambda canonical: ()
    return lambda canonical: tuple([label for name in labels if (label := name(canonical))])


def compile_tests(segments: Mapping[str, Segment], fields: Mapping[str, FieldRule]) -> Mapping[str, Test]:
    """The segments that are conditions, by name."""
    return {name: compile_conditions(one.where, fields) for name, one in segments.items() if one.where}


def read_fields(segments: Mapping[str, Segment]) -> set[str]:
    """The canonical fields that the segments look at."""
    return {one.field for segment in segments.values() for one in segment.where} | {
        segment.by for segment in segments.values() if segment.by
    }


def _compiled(name: str, segment: Segment, fields: Mapping[str, FieldRule]) -> _Label:
    try:
        if not segment.by:
            holds = compile_conditions(segment.where, fields)
            return lambda canonical: name if holds(canonical) else ""
        kind = known_field(segment.by, fields).type or "text"
        if segment.bands and kind not in NUMERIC:
            raise ConfigError(f"bands need a number, and {segment.by} is a {kind}")
        label = _banded(segment.bands) if segment.bands else _valued([converter(kind)(one) for one in segment.values])
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"segments.{name}: {error}") from None
    return _of_field(name, segment.by, label)


def _of_field(name: str, field: str, label: Callable[[Any], str]) -> _Label:
    def labelled(canonical: Canonical) -> str:
        value = canonical.get(field)
        return f"{name}: {MISSING if value is None else OTHER if isinstance(value, list) else label(value)}"

    return labelled


def _valued(values: Sequence[Any]) -> Callable[[Any], str]:
    known = {value: text(value) for value in values}
    return lambda value: known.get(value, OTHER)


def _banded(bands: Sequence[Any]) -> Callable[[Any], str]:
    names = [f"below {bands[0]}"]
    names += [f"{low} to below {high}" for low, high in pairwise(bands)]
    names.append(f"{bands[-1]} and above")
    return lambda value: names[bisect_right(bands, value)]
