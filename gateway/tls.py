"""The data listener's TLS."""

import ssl
import warnings as python_warnings
from collections.abc import Sequence
from pathlib import Path

from gateway.config import Tls
from gateway.contract import ConfigError

VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip


def certificates(tls: Tls | None, folder: Path) -> ssl.SSLContext | None:
    """The listener's context; callers show a certificate where `client_ca` is given. Files are relative
    to `folder`. Raises ConfigError."""
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(folder / tls.certificate, folder / tls.key)
        if tls.client_ca:
            context.load_verify_locations(folder / tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except OSError as error:
        raise ConfigError(f"listen.tls: certificate, key or client_ca cannot be read as PEM: {error}") from error
    if tls.minimum_tls in ("1.0", "1.1") or tls.ciphers:
        try:
            # Below 1.2 OpenSSL also wants its own security level lowered.
            context.set_ciphers(tls.ciphers or "DEFAULT:@SECLEVEL=0")
        except ssl.SSLError as error:
            raise ConfigError(f"listen.tls.ciphers: OpenSSL knows no cipher of {tls.ciphers!r}") from error
    with python_warnings.catch_warnings():
        python_warnings.simplefilter("ignore", DeprecationWarning)  # it is told in our own words
        context.minimum_version = VERSIONS[tls.minimum_tls]
    return context


def warnings(tls: Tls | None) -> Sequence[str]:
    """What is configured and weakens TLS, one sentence each."""
    found = []
    if tls and tls.minimum_tls in ("1.0", "1.1"):
        found.append(f"listen.tls.minimum_tls: TLS {tls.minimum_tls} is broken; callers should move to 1.2 or newer")
    if tls and tls.ciphers:
        found.append(f"listen.tls.ciphers: {tls.ciphers!r} stands in for the ciphers that OpenSSL takes for safe")
    return found
