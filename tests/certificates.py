"""Certificates of a test: an authority, and whom it vouches for."""

import datetime
import hashlib
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


@dataclass
class Made:
    """A certificate and its key, in one file."""

    file: Path
    certificate: x509.Certificate
    key: Any

    @property
    def fingerprint(self) -> str:
        """As `openssl x509 -fingerprint -sha256` prints it."""
        return ":".join(f"{byte:02X}" for byte in hashlib.sha256(self.der).digest())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def made(folder: Path, name: str, issuer: Made | None = None, password: bytes | None = None) -> Made:
    """A certificate `CN=name,OU=Ops,O=Bank` for 127.0.0.1, signed by the issuer or by itself."""
    key = rsa.generate_private_key(65537, 2048)
    oids = (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.COMMON_NAME)
    own = x509.Name([x509.NameAttribute(*part) for part in zip(oids, ("Bank", "Ops", name), strict=True)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        issuer.certificate.subject if issuer else own, own, key.public_key(), x509.random_serial_number(),
        now - datetime.timedelta(hours=1), now + datetime.timedelta(days=1),
    )  # fmt: skip
    names = [x509.DNSName("localhost"), x509.DNSName("127.0.0.1"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    address = x509.SubjectAlternativeName(names)
    builder = builder.add_extension(x509.BasicConstraints(issuer is None, None), True).add_extension(address, False)
    certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    cipher = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    file = folder / f"{name}.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    )
    return Made(file, certificate, key)
