"""Remembers the candidate's answers, so that a request that comes again gets the same one and is not scored again.

Brokers bring requests back that were acknowledged: classic queues by the thousand when a node is killed. Only what the
candidate answers is remembered: the incumbent sees a request as often as it would without the gateway.
"""

import struct
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from adapters.amqp.config import Dedupe
from gateway.contract import Call, Gateway, NotKept, Raw

REMEMBERED = 16 << 20
"""Bytes of answers that a worker remembers by itself."""
_MEDIA = struct.Struct("!H")


class Answers:
    """The answers of one operation, by the request's digest."""

    def __init__(self, settings: Dedupe, gateway: Gateway, scope: str) -> None:
        self._settings = settings
        self._gateway = gateway
        self._scope = scope
        self._memory: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._size = 0

    @property
    def durable(self) -> bool:
        """Whether keeping an answer takes time."""
        return self._settings.kind == "store"

    async def found(self, tokens: Sequence[bytes]) -> Mapping[bytes, Raw]:
        """The answers that were given before. Raises NotKept where they cannot be known and must be."""
        if self._settings.kind == "none":
            return {}
        known = {token: self._remembered(token) for token in tokens}
        found = {token: _read(value) for token, value in known.items() if value is not None}
        missing = [token for token in tokens if token not in found]
        if self.durable and missing:
            try:
                stored = await self._gateway.kept(self._scope, missing)
            except NotKept:
                if self._settings.without_store == "wait":
                    raise
            else:
                found |= {token: _read(value) for token, value in stored.items()}
        return found

    async def keep(self, answers: Mapping[bytes, Raw], calls: Mapping[bytes, Call]) -> Mapping[bytes, Raw]:
        """The answers to give to these calls: those that another worker gave first stand. Raises NotKept as `found`
        does."""
        values = {token: _written(raw) for token, raw in answers.items()}
        if self.durable:
            try:
                values = dict(await self._gateway.keep(self._scope, values, self._settings.ttl, calls))
            except NotKept:
                if self._settings.without_store == "wait":
                    raise
        self.remember(values)
        return {token: _read(value) for token, value in values.items()}

    def remember(self, values: Mapping[bytes, bytes]) -> None:
        """By this worker only; the oldest are forgotten first."""
        expires = time.monotonic() + self._settings.ttl
        for token, value in values.items():
            if self._settings.kind != "none" and token not in self._memory:
                self._memory[token] = (expires, value)
                self._size += len(value)
        while self._size > REMEMBERED:
            self._size -= len(self._memory.popitem(last=False)[1][1])

    def _remembered(self, token: bytes) -> bytes | None:
        expires, value = self._memory.get(token, (0.0, b""))
        if expires > time.monotonic():
            return value
        if token in self._memory:
            self._size -= len(self._memory.pop(token)[1])
        return None


def _written(raw: Raw) -> bytes:
    media = raw.media.encode()
    return _MEDIA.pack(len(media)) + media + raw.body


def _read(value: bytes) -> Raw:
    [size] = _MEDIA.unpack_from(value)
    return Raw(value[2 + size :], value[2 : 2 + size].decode())
