"""What of a value goes into a record: as it is, hashed, masked, encrypted, or nothing at all."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.contract import Payload
from gateway.records import Records
from gateway.seal import SEALED, Keyring, place, sealed

Digest = Callable[[str, str], bytes]
"""(route, value) to its HMAC."""
STORE = "store"
"""The name of the key that is made of the store's own secret. It seals calls that wait where there is no other."""


class Keeping:
    """Applies `records.fields`, to requests and answers alike."""

    def __init__(self, settings: Records, digest: Digest) -> None:
        self.ring = keyring(settings, digest)
        self.plain = settings.plain
        """The fields that are kept as they are."""
        self.named = frozenset(name for name, way in settings.fields.items() if way != "drop")
        """The fields that are kept in any way."""
        self._ways = [(name, way) for name, way in settings.fields.items() if way != "drop"]
        self._digest = digest

    def fields(self, route: str, values: Payload) -> dict[str, Any]:
        """What may be kept of the canonical fields of a request or an answer."""
        return {
            name: value if way == "keep" else self._changed(route, name, way, value)
            for name, way in self._ways
            if (value := values.get(name)) is not None
        }

    def _changed(self, route: str, name: str, way: str, value: Any) -> Any:
        if way == "hash":
            return self._digest(route, str(value)).hex()
        return _masked(value) if way == "mask" else {SEALED: self.ring.seal(value, place(route, name))}


def keyring(settings: Records, digest: Digest) -> Keyring:
    """The configured keys, and beside them one made of the store's secret."""
    keys = {name: key.get_secret_value() for name, key in settings.keys.items()}
    return Keyring({STORE: digest("", "calls that wait")} | keys, settings.key or next(iter(keys), STORE))


def opened(ring: Keyring, route: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields with what is sealed opened. Raises Unopened."""
    return {
        name: value if (text := sealed(value)) is None else ring.open(text, place(route, name))
        for name, value in values.items()
    }


def _masked(value: Any) -> str:
    text = str(value)
    return text[:1] + "*" * (len(text) - 1) if len(text) > 1 else "*"
