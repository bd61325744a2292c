"""SOAP over HTTP: the operator gives the legacy service's own WSDL and address; callers change only the endpoint."""

import base64
import ssl
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from adapters.soap import explain, login, wsdl
from adapters.soap.access import Access
from adapters.soap.auth import missing
from adapters.soap.config import IncumbentSettings, SoapSettings
from adapters.soap.dressing import dressed, unlike
from adapters.soap.faults import Faults
from adapters.soap.front import SoapFront
from adapters.soap.probe import Prober
from adapters.soap.publish import Published
from adapters.soap.relay import Relay
from adapters.soap.starting import started
from gateway.contract import Codec, ConfigError, Front, Gateway, Incumbent, Source, Stage
from gateway.settings import Settings


class Soap:
    """gateway.contract.Adapter for one SOAP service."""

    Settings: ClassVar[type[Settings]] = SoapSettings
    Explain: ClassVar = explain
    """What `understudy wsdl` uses."""
    start = staticmethod(started)
    """What `understudy init` writes."""

    def __init__(self, name: str, settings: SoapSettings, folder: Path) -> None:
        """`folder` is where understudy.yaml is. Reads the WSDL; opens no connection. Raises ConfigError."""
        self._name = name
        self._settings = settings
        path = folder / settings.wsdl
        self._contract = wsdl.load(path, settings.max_decode)
        self._codecs = dressed(self._contract, settings, folder)
        self._published = Published(self._contract, path)
        self._folder = folder
        incumbent = settings.incumbent
        self._tls = incumbent.context(folder, "incumbent.") if incumbent and incumbent.secure else None
        self._relay = _relay(settings, incumbent, self._tls) if incumbent else None
        self._prober = _prober(settings, self._relay, folder)
        self.ceiling = Stage.LIVE if settings.auth else Stage.SHADOW

    def codecs(self) -> Mapping[str, Codec]:
        """The codec of each operation that can be served."""
        return self._codecs

    def incumbent(self) -> Incumbent | None:
        """The relay to the legacy service; None where none is configured."""
        return self._relay

    def front(self, gateway: Gateway) -> Front:
        """The address that callers use. Raises ConfigError where our own certificate cannot be read."""
        settings = self._settings
        self._show_certificate()
        for name, codec in self._codecs.items():
            codec.noticed = partial(self._noticed, gateway, name)
        access = Access(settings, self._contract, gateway, self._prober, Faults(settings.faults))
        return SoapFront(
            self._name, settings, self._contract, self._codecs, self._published, self._relay, gateway, access
        )  # fmt: skip

    def _show_certificate(self) -> None:
        """Reads our own certificate's key, which only those need who make connections. Raises ConfigError."""
        if self._tls and self._settings.incumbent:
            self._settings.incumbent.show(self._tls, self._folder, "incumbent.")

    def _noticed(self, gateway: Gateway, operation: str, event: str) -> None:
        """Counts what a worker alone sees; what the observer reads as well is counted there."""
        if event == "invalid_answer":
            gateway.count(self._name, operation, event)

    @property
    def proves(self) -> bool:
        """Whether callers are let in by what legacy answers to their own calls."""
        return self._prober is not None and not self._prober.has_request

    def source(self, gateway: Gateway) -> Source | None:
        """None: calls are brought to us."""
        return None

    async def probe(self) -> Sequence[str]:
        """Tries a connection to the incumbent, with TLS where it has it, and asks how it wants callers to log in."""
        name, problems = f"adapters.{self._name}", []
        problems += [f"{name}.auth.verify.{key}: {sentence}" for key, sentence in missing(self._settings.auth).items()]
        if self._relay and self._settings.incumbent:
            try:
                self._show_certificate()
            except ConfigError as error:
                problems += [f"{name}.{problem}" for problem in error.problems]
            problems += [f"{name}.incumbent.{problem}" for problem in await login.problems(self._relay)]
        return problems

    def warnings(self) -> Sequence[str]:
        """What is configured of the incumbent and weakens security, and which samples cannot be matched exactly."""
        found = self._settings.incumbent.weaknesses() if self._settings.incumbent else ()
        weak = [f"adapters.{self._name}.incumbent.{sentence}" for sentence in found]
        return [*weak, *(f"adapters.{self._name}.mirror: {sentence}" for sentence in unlike(self._codecs))]

    async def close(self) -> None:
        """Closes the connections to the incumbent."""
        if self._relay:
            await self._relay.close()


def _relay(settings: SoapSettings, incumbent: IncumbentSettings, context: ssl.SSLContext | None) -> Relay:
    basic = incumbent.credentials.basic if incumbent.credentials else None
    pair = f"{basic.user}:{basic.password.get_secret_value()}".encode() if basic else b""
    return Relay(
        incumbent.url,
        timeout=incumbent.timeout,
        connections=incumbent.connections,
        max_decode=settings.max_decode,
        tls=context,
        authorization=b"Basic " + base64.b64encode(pair) if basic else None,
        readdress=incumbent.rewrite == "wsa_to",
    )


def _prober(settings: SoapSettings, relay: Relay | None, folder: Path) -> Prober | None:
    if relay is None or settings.auth is None or settings.auth.probe is None:
        return None
    return Prober(settings.auth.probe, relay, folder, settings.timeout / 2)
