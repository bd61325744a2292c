"""TLS with either side, as old as it must be. Adapters may import this, as they may the contract and the settings."""

import ssl
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gateway.contract import ConfigError
from gateway.settings import Settings

_OLD = ("1.0", "1.1")
_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip


class Strength(Settings):
    """How old the TLS may be that the other side speaks."""

    minimum_tls: Literal["1.0", "1.1", "1.2", "1.3"] = "1.2"
    ciphers: str | None = None
    """OpenSSL's cipher list; by default what it takes for safe."""

    def apply(self, context: ssl.SSLContext, place: str) -> None:
        """Sets the context's oldest version and its ciphers. Raises ConfigError, which names `place`."""
        old = self.minimum_tls in _OLD
        if old or self.ciphers:
            try:
                # Below 1.2 OpenSSL also wants its own security level lowered.
                context.set_ciphers(self.ciphers or "DEFAULT:@SECLEVEL=0")
            except ssl.SSLError as error:
                raise ConfigError(f"{place}ciphers: OpenSSL knows no cipher of {self.ciphers!r}") from error
        if old:
            context.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # they know no secure renegotiation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # it is told in our own words
            context.minimum_version = _VERSIONS[self.minimum_tls]

    def weak(self, place: str, risk: str) -> Sequence[str]:
        """What is configured and weakens TLS, one sentence each."""
        found = []
        if self.minimum_tls in _OLD:
            found.append(f"{place}minimum_tls: TLS {self.minimum_tls} is broken; {risk}")
        if self.ciphers:
            found.append(f"{place}ciphers: {self.ciphers!r} stands in for the ciphers that OpenSSL takes for safe")
        return found


class Server(Strength):
    """How a server of theirs is trusted, and what it is shown. Files are PEM, relative to the configuration."""

    ca: str | None = None
    """The authority that signed its certificate; by default the system's."""
    certificate: str | None = None
    """The certificate that is shown to it."""
    key: str | None = None
    """That certificate's key; by default it is in the same file."""
    verify: bool = True
    """Whether its certificate must be valid for its name."""

    def context(self, folder: Path, place: str) -> ssl.SSLContext:
        """What connections to it are made with; it is shown no certificate yet. Raises ConfigError."""
        try:
            made = ssl.create_default_context(cafile=folder / self.ca if self.ca else None)
        except OSError as error:
            raise ConfigError(f"{place}ca: {self.ca} cannot be read as PEM certificates: {error}") from error
        if not self.verify:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        self.apply(made, place)
        return made

    def show(self, made: ssl.SSLContext, folder: Path, place: str) -> None:
        """Has the connections show our certificate, where there is one. Raises ConfigError."""
        if self.certificate:
            load(made, folder / self.certificate, folder / self.key if self.key else None, place)

    def weak_server(self, place: str, name: str) -> Sequence[str]:
        """What is configured and weakens TLS to it, one sentence each."""
        found = list(self.weak(place, "who is between may read what is sent"))
        if not self.verify:
            found.append(f"{place}verify: the certificate is not checked, so anybody can pose as the {name}")
        return found


def load(made: ssl.SSLContext, certificate: Path, key: Path | None, place: str) -> None:
    """Loads our own certificate, and never asks at the terminal for its key's password. Raises ConfigError."""

    def no_password() -> str:
        raise ConfigError(f"{place}key: the key is encrypted; keep it in the clear, readable by the gateway only")

    try:
        made.load_cert_chain(certificate, key, no_password)
    except OSError as error:
        raise ConfigError(f"{place}certificate or key cannot be read as PEM: {error}") from error
