"""SOAP over HTTP: the operator gives the legacy service's own WSDL and address; callers change only the endpoint."""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from adapters.soap import wsdl
from adapters.soap.config import IncumbentSettings, SoapSettings
from adapters.soap.front import SoapFront
from adapters.soap.publish import Published
from adapters.soap.relay import Relay
from gateway.contract import Codec, ConfigError, Front, Gateway, Incumbent, Source, Stage
from gateway.settings import Settings


class Soap:
    """gateway.contract.Adapter for one SOAP service."""

    Settings: ClassVar[type[Settings]] = SoapSettings

    def __init__(self, name: str, settings: SoapSettings, folder: Path) -> None:
        """`folder` is where understudy.yaml is. Reads the WSDL; opens no connection. Raises ConfigError."""
        self._name = name
        self._settings = settings
        path = folder / settings.wsdl
        self._contract = wsdl.load(path, settings.max_decode)
        self._published = Published(self._contract, path)
        self._relay = _relay(settings, settings.incumbent, folder) if settings.incumbent else None
        self.ceiling = Stage.LIVE if settings.auth else Stage.SHADOW

    def codecs(self) -> Mapping[str, Codec]:
        """The codec of each operation that can be served."""
        return {name: operation.codec for name, operation in self._contract.operations.items()}

    def incumbent(self) -> Incumbent | None:
        """The relay to the legacy service; None where none is configured."""
        return self._relay

    def front(self, gateway: Gateway) -> Front:
        """The address that callers use."""
        return SoapFront(self._name, self._settings, self._contract, self._published, self._relay, gateway)

    def source(self, gateway: Gateway) -> Source | None:
        """None: calls are brought to us."""
        return None

    async def probe(self) -> Sequence[str]:
        """Tries a connection to the incumbent, with TLS where it has it."""
        problem = await self._relay.probe() if self._relay else None
        return [f"adapters.{self._name}.incumbent.url: {problem}"] if problem else []

    async def close(self) -> None:
        """Closes the connections to the incumbent."""
        if self._relay:
            await self._relay.close()


def _relay(settings: SoapSettings, incumbent: IncumbentSettings, folder: Path) -> Relay:
    return Relay(
        incumbent.url,
        timeout=incumbent.timeout,
        connections=incumbent.connections,
        max_decode=settings.max_decode,
        tls=_tls(incumbent, folder) if incumbent.url.startswith("https:") else None,
    )


def _tls(incumbent: IncumbentSettings, folder: Path) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=folder / incumbent.ca if incumbent.ca else None)
    except OSError as error:
        raise ConfigError(f"incumbent.ca: {incumbent.ca} cannot be read as PEM certificates: {error}") from error
    if not incumbent.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
