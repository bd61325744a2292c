"""TLS to the brokers, as old as it must be."""

import ssl
import warnings as python_warnings
from collections.abc import Sequence
from pathlib import Path

from adapters.amqp.config import AmqpSettings, TlsSettings
from gateway.contract import ConfigError


def context(settings: TlsSettings, folder: Path) -> ssl.SSLContext:
    """What connections to amqps addresses are made with. Reads the files. Raises ConfigError."""
    try:
        made = ssl.create_default_context(cafile=folder / settings.ca if settings.ca else None)
        if settings.certificate:
            key = folder / settings.key if settings.key else None
            made.load_cert_chain(folder / settings.certificate, key, _no_password)
    except OSError as error:
        raise ConfigError(f"tls: ca, certificate or key cannot be read as PEM: {error}") from error
    if not settings.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if settings.minimum_tls in ("1.0", "1.1") or settings.ciphers:
        try:
            # Below 1.2 OpenSSL also wants its own security level lowered.
            made.set_ciphers(settings.ciphers or "DEFAULT:@SECLEVEL=0")
        except ssl.SSLError as error:
            raise ConfigError(f"tls.ciphers: OpenSSL knows no cipher of {settings.ciphers!r}") from error
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", DeprecationWarning)  # it is told in our own words
        made.minimum_version = ssl.TLSVersion[f"TLSv{settings.minimum_tls.replace('.', '_').removesuffix('_0')}"]
    return made


def _no_password() -> str:
    raise ConfigError("tls.key: the key is encrypted; keep it in the clear, readable by the gateway only")


def warnings(settings: AmqpSettings) -> Sequence[str]:
    """What is configured and weakens security, one sentence each."""
    tls, found = settings.tls, []
    secure = all(address.startswith("amqps:") for address in settings.addresses)
    if not secure and not all(_is_here(address) for address in settings.addresses):
        found.append("addresses: an address is not amqps, so password and messages can be read on the way")
    if secure and tls.minimum_tls in ("1.0", "1.1"):
        found.append(f"tls.minimum_tls: TLS {tls.minimum_tls} is broken; who is between may read messages")
    if secure and tls.ciphers:
        found.append(f"tls.ciphers: {tls.ciphers!r} stands in for the ciphers that OpenSSL takes for safe")
    if secure and not tls.verify:
        found.append("tls.verify: the certificate is not checked, so anybody can pose as the broker")
    if "*" in settings.reply_to:
        found.append("reply_to: any queue is allowed, so who can send a request can have it answered into any queue")
    return found


def _is_here(address: str) -> bool:
    host = address.partition("://")[2].rpartition(":")[0]
    return host in ("localhost", "127.0.0.1", "[::1]")
