"""The data listener's TLS."""

import ssl
from collections.abc import Sequence
from pathlib import Path

from gateway.config import Tls
from gateway.contract import ConfigError
from gateway.tls import load

PLACE = "listen.tls."


def certificates(tls: Tls | None, folder: Path) -> ssl.SSLContext | None:
    """The listener's context; callers show a certificate where `client_ca` is given. Files are relative
    to `folder`. Raises ConfigError."""
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load(context, folder / tls.certificate, folder / tls.key, PLACE)
    if tls.client_ca:
        try:
            context.load_verify_locations(folder / tls.client_ca)
        except OSError as error:
            raise ConfigError(f"{PLACE}client_ca cannot be read as PEM: {error}") from error
        context.verify_mode = ssl.CERT_REQUIRED
    tls.apply(context, PLACE)
    return context


def warnings(tls: Tls | None) -> Sequence[str]:
    """What is configured and weakens TLS, one sentence each."""
    return tls.weak(PLACE, "callers should move to 1.2 or newer") if tls else []
