"""A caller of the bank's loan scoring as there are thousands: a real zeep client, here with an ear on the line."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zeep import Client
from zeep.exceptions import Error
from zeep.transports import Transport

PATIENCE = 30.0
"""Seconds that a call may take."""


@dataclass(slots=True, frozen=True)
class Exchange:
    """One call: SHA-256 of the envelope sent and of the answer's body, both as they were on the wire."""

    request: str
    answer: str
    decision: str
    """A, R or M as the client reads it; empty where the call failed."""
    seconds: float
    """From the envelope's sending to the answer's head."""
    error: str = ""


class Caller:
    """One client with a session of its own; for one thread at a time."""

    def __init__(self, address: str) -> None:
        """Reads the service's WSDL at the address. Raises OSError or zeep's Error."""
        transport = Transport(timeout=PATIENCE, operation_timeout=PATIENCE)
        transport.session.hooks["response"].append(self._hear)
        self._client = Client(f"{address}?wsdl", transport=transport)
        self._heard: tuple[str, str, float] = ("", "", 0.0)

    def score(self, request: Mapping[str, Any]) -> Exchange:
        """Calls ScoreLoan; a call that fails is an exchange with its error."""
        self._heard = ("", "", 0.0)
        decision, failed = "", ""
        try:
            decision = str(self._client.service.ScoreLoan(**request).Decision)
        except (Error, OSError) as error:
            failed = f"{type(error).__name__}: {error}"
        sent, answered, took = self._heard
        return Exchange(sent, answered, decision, took, failed)

    def close(self) -> None:
        """Closes the session."""
        self._client.transport.session.close()

    def _hear(self, response: Any, *_: object, **__: object) -> None:
        """Called by requests with each response, before zeep sees it."""
        if response.request.method == "POST":
            self._heard = (_digest(response.request.body), _digest(response.content), response.elapsed.total_seconds())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
