"""Where a worker's reply belongs, written into the correlation id that it returns, and signed.

    u1.SIGNATURE.INSTANCE.TOKEN.OPERATION.LENGTH.REPLY_TO CORRELATION_ID

so that any replica can relay the reply, whoever forwarded the call. LENGTH is that of reply_to. What does not fit into
the 255 bytes of a correlation id is kept in the store under a name of its own; then LENGTH is `k` and the name follows.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

MOST = 255
"""Bytes of a correlation id."""
_MARK, _BYTES = b"u1.", 12


@dataclass(slots=True, frozen=True)
class Ticket:
    """A forwarded call's way back. With neither address nor operation's own answer place nobody waits for a reply."""

    instance: str
    """Of the process that forwarded it."""
    token: str
    """Names the call within that process."""
    operation: str
    """A digest of its name; empty where nothing is to be relayed."""
    reply_to: bytes = b""
    correlation: bytes = b""


@dataclass(slots=True, frozen=True)
class Elsewhere:
    """A ticket that is kept in the store under this name."""

    name: bytes


class Tickets:
    """Writes and reads tickets of one adapter."""

    def __init__(self, secret: bytes, adapter: str) -> None:
        """`secret` must be the same for all replicas."""
        self._key = hmac.digest(secret, b"understudy ticket " + adapter.encode(), "sha256")

    def written(self, ticket: Ticket) -> bytes:
        """The correlation id; it may be longer than AMQP allows."""
        length = str(len(ticket.reply_to)).encode()
        head = f"{ticket.instance}.{ticket.token}.{ticket.operation}.".encode()
        return self._signed(head + length + b"." + ticket.reply_to + ticket.correlation)

    def elsewhere(self, name: bytes) -> bytes:
        """The correlation id of a ticket that is kept under this name."""
        return self._signed(b"...k." + name.hex().encode())

    def read(self, correlation: bytes) -> Ticket | Elsewhere | None:
        """The ticket; None where it is none of ours, or was changed."""
        mark, signature, body = correlation[:3], correlation[3:19], correlation[20:]
        if mark != _MARK or not hmac.compare_digest(signature, self._signature(body)):
            return None
        instance, token, operation, length, rest = body.split(b".", 4)
        if length == b"k":
            return Elsewhere(bytes.fromhex(rest.decode()))
        size = int(length)
        return Ticket(instance.decode(), token.decode(), operation.decode(), rest[:size], rest[size:])

    def _signed(self, body: bytes) -> bytes:
        return _MARK + self._signature(body) + b"." + body

    def _signature(self, body: bytes) -> bytes:
        return base64.urlsafe_b64encode(hmac.digest(self._key, body, "sha256")[:_BYTES])


def shortened(operation: str) -> str:
    """The digest of an operation's name that tickets carry."""
    return hashlib.blake2b(operation.encode(), digest_size=3).hexdigest()
