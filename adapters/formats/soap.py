"""SOAP envelopes in messages, by the service's own WSDL: the codec of the SOAP adapter."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adapters.formats.config import SoapSettings
from adapters.soap import amend
from adapters.soap.namespaces import MEDIA
from adapters.soap.wsdl import Operation, load
from gateway.contract import ConfigError, Opaque, Payload, Raw, Refusal, Undecodable, Values
from gateway.contract import Path as PayloadPath

_FAULT = frozenset({"fault", "message", "detail"})


class Soap:
    """The requests or the responses of one operation. A declared fault is `{"fault", "message", "detail"}`."""

    def __init__(self, settings: SoapSettings, folder: Path) -> None:
        """Reads the WSDL. Raises ConfigError where it does not serve the operation."""
        operation = _operation(settings, folder)
        self._codec = operation.codec
        self._version = operation.versions[0]
        self._asks = settings.message == "request"
        self.media = settings.media or MEDIA[self._version]

    def read(self, body: bytes, media: str = "") -> Payload:
        """The content of Body's child. Raises Undecodable, also for a fault that the WSDL does not declare."""
        raw = Raw(body, media)
        if self._asks:
            return self._codec.request(raw)
        outcome = self._codec.reply(raw)
        if isinstance(outcome, Opaque):
            raise Undecodable("The message is no response that the WSDL declares.", outcome.reason)
        if isinstance(outcome, Values):
            return outcome.fields
        return {"fault": outcome.code, "message": outcome.message, "detail": outcome.detail}

    def write(self, payload: Payload) -> bytes:
        """The envelope. Raises Unencodable."""
        if self._asks:
            return self._codec.ask(payload, self._version).body
        if "fault" in payload and payload.keys() <= _FAULT:
            refusal = Refusal(str(payload["fault"]), str(payload.get("message", "")), payload.get("detail", {}))
            return self._codec.refuse(refusal, self._version).body
        return self._codec.answer(payload, self._version).body

    def amend(self, body: bytes, changes: Mapping[PayloadPath, Any], media: str = "") -> bytes:
        """The envelope with these values, every other byte kept. Raises Unencodable."""
        messages = self._codec.messages
        element = messages.request if self._asks else messages.response
        return amend.amended(Raw(body, media), element, changes).body


def _operation(settings: SoapSettings, folder: Path) -> Operation:
    contract = load(folder / settings.wsdl, settings.max_decode)
    if settings.operation in contract.unserved:
        raise ConfigError(f"{settings.wsdl}: {settings.operation}: {contract.unserved[settings.operation]}")
    if settings.operation not in contract.operations:
        known = ", ".join(contract.operations) or "none"
        raise ConfigError(f"{settings.wsdl}: there is no operation {settings.operation} (there are: {known})")
    return contract.operations[settings.operation]
