"""The section `records`: what is kept of each compared call, for how long, and under which keys."""

import base64
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, SecretBytes, model_validator

from gateway.complaints import Resolved
from gateway.rules import Name
from gateway.settings import Duration, Settings, Size


def _sealing_key(value: Any) -> bytes:
    if not isinstance(value, Resolved):
        raise ValueError("a key never stands in the configuration: write ${file:/run/secrets/NAME} or ${VARIABLE}")
    try:
        key = base64.b64decode(value.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("expected 32 random bytes in base64, such as `openssl rand -base64 32` makes")
    return key


class Records(Settings):
    """What is kept of each compared call."""

    keep: bool = True
    fields: dict[str, Literal["keep", "hash", "mask", "drop", "encrypt"]] = {}
    """Canonical fields, of requests and of answers, that records carry; all others are dropped."""
    keys: dict[Name, Annotated[SecretBytes, BeforeValidator(_sealing_key)]] = {}
    """What `encrypt` seals with, by an id: 32 bytes in base64. Every key opens; one seals."""
    key: Name | None = None
    """The id of the key that seals; by default the only one."""
    age: Duration = 90 * 86400.0
    size: Size | None = None
    """Bytes of the records in the store, as far as they are counted; the oldest go first."""
    rollups: Duration = 400 * 86400.0
    """Sums older than this are removed; they name nobody."""

    @property
    def plain(self) -> frozenset[str]:
        """The fields that are kept as they are."""
        return frozenset(name for name, way in self.fields.items() if way == "keep")

    @model_validator(mode="after")
    def _keys_are_there(self) -> "Records":
        if self.key is None and len(self.keys) > 1:
            raise ValueError(f"say with `key:` which of the keys {', '.join(self.keys)} seals; the others only open")
        if self.key is not None and self.key not in self.keys:
            raise ValueError(f"key: no key is called {self.key!r} (there are: {', '.join(self.keys) or 'none'})")
        if not self.keys and (names := [name for name, way in self.fields.items() if way == "encrypt"]):
            raise ValueError(f"to encrypt {', '.join(names)} give a key, such as keys: {{first: ${{file:PATH}}}}")
        return self
