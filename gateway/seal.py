"""Values sealed with AES-GCM under keys that have names, so that a new key can take over while the old ones still open.

A sealed text is `KEY:` and the base64 of a random 96-bit nonce and the ciphertext. What it belongs to (`where`) is
authenticated with it, so that one person's value cannot be passed off as another field's. With random nonces NIST
SP 800-38D allows 2^32 values a key: take a new one before that.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.contract import UnderstudyError
from gateway.store.text import dumps, loads

SEALED = "$sealed"
"""The name under which a sealed value stands in a record."""
_NONCE = 12


class Unopened(UnderstudyError):
    """A sealed value cannot be opened: its key is not configured, or it was changed."""


class Keyring:
    """Keys by name; `sealing` is the name of the one that seals, and all of them open."""

    def __init__(self, keys: Mapping[str, bytes], sealing: str) -> None:
        """Keys have 16, 24 or 32 bytes."""
        self.sealing = sealing
        self._keys = {name: AESGCM(key) for name, key in keys.items()}

    def seal(self, value: Any, where: str) -> str:
        """The value, of any type that `text.dumps` takes, sealed for this place."""
        nonce = os.urandom(_NONCE)
        sealed = self._keys[self.sealing].encrypt(nonce, dumps(value).encode(), where.encode())
        return f"{self.sealing}:{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, where: str) -> Any:
        """The value that was sealed for this place. Raises Unopened."""
        name, _, text = sealed.partition(":")
        if name not in self._keys:
            raise Unopened(f"the key {name!r} is not configured: name it in records.keys")
        try:
            data = base64.b64decode(text, validate=True)
            return loads(self._keys[name].decrypt(data[:_NONCE], data[_NONCE:], where.encode()).decode())
        except (InvalidTag, ValueError, binascii.Error) as error:
            raise Unopened(f"a value sealed with the key {name!r} does not open: it or the key was changed") from error


def place(route: str, field: str) -> str:
    """Where a record's field is sealed for."""
    return f"{route}\0{field}"


def sealed(value: Any) -> str | None:
    """The sealed text where a record's value is one, else None."""
    if isinstance(value, Mapping) and len(value) == 1 and isinstance(text := value.get(SEALED), str):
        return text
    return None
