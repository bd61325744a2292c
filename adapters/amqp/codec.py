"""The pure half of one operation: requests and replies in the formats of message bodies."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.amqp.config import Operation, RefusalPaths
from adapters.formats import Formats
from gateway.contract import Call, Opaque, Outcome, Payload, Raw, Refusal, Undecodable, Unencodable, Values
from gateway.contract import Path as PayloadPath

ONE_WAY = 202
"""The status of what stands for the reply of a worker that gives none."""


class Codec:
    """gateway.contract.Codec for one queue."""

    def __init__(self, settings: Operation, folder: Path) -> None:
        """Reads what the formats refer to. Raises ConfigError."""
        self._requests = Formats(settings.format, folder)
        self._replies = Formats(settings.reply_format, folder) if settings.reply_format else self._requests
        self._refusal = settings.refusal

    def request(self, raw: Raw) -> Payload:
        """The decoded request. Raises Undecodable."""
        return self._requests.of(raw.media).read(raw.body, raw.media)

    def reply(self, raw: Raw) -> Outcome:
        """The decoded reply; a refusal where it has the configured code. Raises Undecodable."""
        if raw.status == ONE_WAY:
            return Opaque("no_reply")
        payload = self._replies.of(raw.media).read(raw.body, raw.media)
        code = _at(payload, self._refusal.code) if self._refusal else None
        if code is None or str(code).strip() == "":
            return Values(payload)
        path = self._refusal.message if self._refusal else None
        message = _at(payload, path) if path else None
        paths = [one.split(".") for one in (self._refusal.code if self._refusal else "", path) if one]
        return Refusal(str(code).strip(), "" if message is None else str(message), _without(payload, paths))

    def encode(self, outcome: Values | Refusal, call: Call) -> Raw:
        """The answer in the format of replies that goes with the request's content type. Raises Unencodable."""
        try:
            format = self._replies.of(call.raw.media)
        except Undecodable as error:
            raise Unencodable(f"no format of replies is configured for such a request: {error}") from error
        payload = outcome.fields if isinstance(outcome, Values) else self._refused(outcome)
        return Raw(format.write(payload), format.media)

    def amend(self, raw: Raw, changes: Mapping[PayloadPath, Any]) -> Raw:
        """The reply with these values and every other byte kept. Raises Unencodable."""
        try:
            format = self._replies.of(raw.media)
        except Undecodable as error:
            raise Unencodable(f"no format is configured for such a reply: {error}") from error
        return Raw(format.amend(raw.body, changes, raw.media), raw.media, raw.status, raw.headers)

    def ask(self, fields: Payload) -> Raw:
        """The request with this payload, for a route of another adapter. Raises Unencodable."""
        try:
            format = self._requests.of("")
        except Undecodable:
            raise Unencodable("requests that are made need a `default` format") from None
        return Raw(format.write(fields), format.media)

    def _refused(self, refusal: Refusal) -> Payload:
        paths = self._refusal
        if paths is None:
            raise Unencodable("the operation has no `refusal`, so its replies have no place for one")
        payload = _copied(refusal.detail)
        _put(payload, paths, refusal)
        return payload


def _put(payload: dict[str, Any], paths: RefusalPaths, refusal: Refusal) -> None:
    for path, value in ((paths.code, refusal.code), (paths.message, refusal.message)):
        if path is None:
            continue
        *way, last = path.split(".")
        place = payload
        for step in way:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise Unencodable(f"a refusal has no place at {path}")
        place[last] = value


def _copied(fields: Payload) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in fields.items()}


def _without(fields: Payload, paths: Sequence[Sequence[str]]) -> Payload:
    """The fields without what stands at these paths, and without what is empty then."""
    left: dict[str, Any] = {}
    for name, value in fields.items():
        below = [path[1:] for path in paths if path[0] == name]
        if [] in below:
            continue
        kept = _without(value, below) if below and isinstance(value, Mapping) else value
        if kept or not below:
            left[name] = kept
    return left


def _at(payload: Any, path: str) -> Any:
    for step in path.split("."):
        payload = payload.get(step) if isinstance(payload, Mapping) else None
    return payload
