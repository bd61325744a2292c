"""Values as JSON text and back with their types, and names from outside made fit for a database. Pure."""

import base64
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME
_READ: Mapping[str, Callable[[str], Any]] = {
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$bytes": base64.b64decode,
    "$number": float,
}


def dumps(value: Any) -> str:
    """JSON text from which `loads` restores mappings, lists, str, int, float, bool, None, Decimal, dates, times and
    bytes exactly; tuples become lists. Raises TypeError for anything else."""
    try:
        written = orjson.dumps(value, _tagged, _OPTIONS)
    except orjson.JSONEncodeError:
        # Integers beyond 64 bits and lone surrogates are rare, and only the slow writer knows them.
        return json.dumps(_finite(value), default=_tagged)
    if b"null" in written and not _is_finite(value):
        written = orjson.dumps(_finite(value), _tagged, _OPTIONS)
    return written.decode()


def loads(text: str) -> Any:
    """The value that `dumps` wrote."""
    # orjson would read an integer beyond 64 bits as a float.
    return json.loads(text, object_hook=_restored)


def identity(text: str) -> str:
    """The call id as it is kept: itself, or its SHA-256 where it is too long for an index or no clean Unicode."""
    if len(text) <= 200 and text.isprintable():
        return text
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _tagged(value: Any) -> Mapping[str, Any]:
    match value:
        case Decimal():
            return {"$decimal": str(value)}
        case datetime():
            return {"$datetime": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case time():
            return {"$time": value.isoformat()}
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case Mapping():
            return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be kept in the store")


def _restored(mapping: dict[str, Any]) -> Any:
    if len(mapping) == 1:
        [(tag, value)] = mapping.items()
        if tag in _READ and isinstance(value, str):
            try:
                return _READ[tag](value)
            except (ValueError, InvalidOperation):
                return mapping
    return mapping


def _is_finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    return all(map(_is_finite, value)) if isinstance(value, list | tuple) else True


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$number": str(value)}
    if isinstance(value, Mapping):
        return {_name(name): _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"a name must be a text, not {type(name).__name__}")
    return name
