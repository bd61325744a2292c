"""TLS to the incumbent, as old as it must be."""

import ssl
import warnings as python_warnings
from collections.abc import Sequence
from pathlib import Path

from adapters.soap.config import IncumbentSettings
from gateway.contract import ConfigError

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip
_OLD = ("1.0", "1.1")


def context(incumbent: IncumbentSettings, folder: Path) -> ssl.SSLContext | None:
    """What connections to an https address are made with; None for http. Raises ConfigError."""
    if not incumbent.url.startswith("https:"):
        return None
    try:
        made = ssl.create_default_context(cafile=folder / incumbent.ca if incumbent.ca else None)
    except OSError as error:
        raise ConfigError(f"incumbent.ca: {incumbent.ca} cannot be read as PEM certificates: {error}") from error
    if not incumbent.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    _age(made, incumbent)
    return made


def warnings(incumbent: IncumbentSettings) -> Sequence[str]:
    """What is configured and weakens security, one sentence each."""
    secure = incumbent.url.startswith("https:")
    found = []
    if secure and incumbent.minimum_tls in _OLD:
        found.append(f"minimum_tls: TLS {incumbent.minimum_tls} is broken; who is between may read calls")
    if secure and incumbent.ciphers:
        found.append(f"ciphers: {incumbent.ciphers!r} stands in for the ciphers that OpenSSL takes for safe")
    if secure and not incumbent.verify:
        found.append("verify: the certificate is not checked, so anybody can pose as the incumbent")
    if incumbent.credentials:
        user = incumbent.credentials.basic.user
        found.append(f"credentials: every caller acts as {user!r} at the incumbent, which checks nobody else any more")
    if incumbent.credentials and not secure:
        found.append("credentials: they are sent in the clear, since the address is not https")
    return found


def show(made: ssl.SSLContext | None, incumbent: IncumbentSettings, folder: Path) -> None:
    """Has the connections show our certificate, where there is one: only who makes them reads its key.

    Raises ConfigError."""
    if made is None or not incumbent.certificate:
        return
    key = folder / incumbent.key if incumbent.key else None

    def no_password() -> str:
        raise ConfigError("incumbent.key: the key is encrypted; keep it in the clear, readable by the gateway only")

    try:
        made.load_cert_chain(folder / incumbent.certificate, key, no_password)
    except OSError as error:
        raise ConfigError(f"incumbent.certificate or key cannot be read as PEM: {error}") from error


def _age(made: ssl.SSLContext, incumbent: IncumbentSettings) -> None:
    old = incumbent.minimum_tls in _OLD
    if old or incumbent.ciphers:
        try:
            # Below 1.2 OpenSSL also wants its own security level lowered.
            made.set_ciphers(incumbent.ciphers or "DEFAULT:@SECLEVEL=0")
        except ssl.SSLError as error:
            raise ConfigError(f"incumbent.ciphers: OpenSSL knows no cipher of {incumbent.ciphers!r}") from error
    if old:
        made.options |= getattr(ssl, "OP_LEGACY_SERVER_CONNECT", 0x4)  # they know no secure renegotiation
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", DeprecationWarning)  # it is told in our own words
        made.minimum_version = _VERSIONS[incumbent.minimum_tls]
