"""Certificates and old TLS on either side: who is let in by its certificate, and what legacy is shown."""

import asyncio
import ssl
import warnings
from pathlib import Path
from typing import Any

import pytest
import uvloop

from adapters.soap import Soap
from adapters.soap.config import SoapSettings
from gateway.certificates import certificates
from gateway.certificates import warnings as listener_warnings
from gateway.config import Tls
from gateway.contract import ConfigError
from gateway.protocol import subject
from tests.certificates import Made, made
from tests.integration.soap.guarded import PATH, answer, described, envelope, guarded
from tests.integration.wire import Caller, answering, legacy_server, ok, post


@pytest.fixture
def authority(tmp_path: Path) -> Made:
    return made(tmp_path, "authority")


def client(authority: Made, own: Made | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.file)
    context.check_hostname = False
    if own:
        context.load_cert_chain(own.file)
    return context


def listening(folder: Path, **settings: Any) -> ssl.SSLContext:
    context = certificates(Tls(certificate="server.pem", key="server.pem", **settings), folder)
    assert context is not None
    return context


async def decided(port: int, context: ssl.SSLContext, *headers: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        head, body = await Caller(reader, writer).ask(post(PATH, envelope(), "Content-Type: text/xml", *headers))
        return int(head[9:12]), body
    finally:
        writer.transport.abort()


def test_only_listed_certificates_are_let_in(tmp_path: Path, authority: Made) -> None:
    made(tmp_path, "server", authority)
    listed, named, other = (made(tmp_path, name, authority) for name in ("listed", "named", "other"))
    allowed = [f"sha256:{listed.fingerprint}", "CN=named,OU=Ops,O=Bank"]
    assert allowed[1] == named.certificate.subject.rfc4514_string()

    async def main() -> None:
        context = listening(tmp_path, client_ca="authority.pem")
        async with guarded(tmp_path, {"verify": {"certificates": allowed}}, tls=context) as rig:
            for own, expected in ((listed, b"approve"), (named, b"approve"), (other, b"FailedAuthentication")):
                status, body = await decided(rig.port, client(authority, own))
                assert expected in body and status == (500 if own is other else 200)
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await decided(rig.port, client(authority, None))
            assert rig.legacy.requests == []

    # The rig's own caller speaks no TLS; it only opens a connection.
    uvloop.run(main())


def test_a_header_that_claims_a_certificate_is_worth_nothing(tmp_path: Path, authority: Made) -> None:
    listed = made(tmp_path, "listed", authority)

    async def main() -> None:
        async with guarded(tmp_path, {"verify": {"certificates": [f"sha256:{listed.fingerprint}"]}}) as rig:
            claims = (f"X-SSL-Client-SHA256: {listed.fingerprint}", "X-Forwarded-Client-Cert: Hash=1")
            status, said = await rig.ask("", *claims)
            assert (status, said.code[1]) == (500, "FailedAuthentication")

    uvloop.run(main())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (((("organizationName", "A, B"),), (("commonName", "x+y"),)), r"CN=x\+y,O=A\, B"),
        (((("commonName", " a "),),), r"CN=\ a\ "),
        (((("commonName", "#1"), ("userId", "7")),), r"CN=\#1+UID=7"),
        (((("1.2.3", "v"),),), "1.2.3=v"),
        ((), ""),
    ],
)
def test_subjects_are_written_as_rfc_4514_says(names: Any, expected: str) -> None:
    assert subject({"subject": names}) == expected


def soap(folder: Path, url: str, **incumbent: Any) -> Soap:
    described(folder)
    data = {"path": PATH, "wsdl": "service.wsdl", "incumbent": {"url": url, "timeout": "5s"} | incumbent}
    return Soap("desk", SoapSettings.model_validate(data), folder)


def test_legacy_is_shown_our_certificate(tmp_path: Path, authority: Made) -> None:
    server = made(tmp_path, "server", authority)
    made(tmp_path, "gateway", authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.file)
    context.load_verify_locations(authority.file)
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # a handshake that fails at once, not with the first read

    async def main() -> None:
        async with legacy_server(answering(ok(answer())), context) as legacy:
            url = f"https://localhost:{legacy.port}/ask"
            [refused] = await soap(tmp_path, url, ca="authority.pem").probe()
            assert refused.startswith("adapters.desk.incumbent.url:")
            shown = soap(tmp_path, url, ca="authority.pem", certificate="gateway.pem")
            assert list(await shown.probe()) == []
            assert list(shown.warnings()) == []
            await shown.close()

    uvloop.run(main())


def test_an_encrypted_or_missing_key_is_refused_and_never_asked_for(tmp_path: Path, authority: Made) -> None:
    made(tmp_path, "locked", authority, password=b"x")
    for file, words in (("locked.pem", "is encrypted"), ("absent.pem", "cannot be read")):
        adapter = soap(tmp_path, "https://localhost:9/", certificate=file)
        assert words in asyncio.run(_first(adapter))
        with pytest.raises(ConfigError, match=words):
            adapter.front(None)  # type: ignore[arg-type]  # it is refused before
        with pytest.raises(ConfigError, match=words):
            certificates(Tls(certificate=file, key=file), tmp_path)


async def _first(adapter: Soap) -> str:
    return next(iter(await adapter.probe()))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_old_tls_to_legacy_works_where_it_is_configured_and_only_there(
    tmp_path: Path, authority: Made, version: str
) -> None:
    server = made(tmp_path, "server", authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1}[version]
        context.minimum_version = context.maximum_version = old
    context.load_cert_chain(server.file)

    async def main() -> None:
        async with legacy_server(answering(ok(answer())), context) as legacy:
            url = f"https://localhost:{legacy.port}/ask"
            [refused] = await soap(tmp_path, url, ca="authority.pem").probe()
            assert "cannot be reached" in refused
            aged = soap(tmp_path, url, ca="authority.pem", minimum_tls=version)
            assert list(await aged.probe()) == []
            [warning] = aged.warnings()
            assert f"TLS {version} is broken" in warning
            await aged.close()

    uvloop.run(main())


def test_old_tls_from_callers_works_where_it_is_configured_and_only_there(tmp_path: Path, authority: Made) -> None:
    made(tmp_path, "server", authority)
    context = client(authority, None)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1

    async def main(minimum: str) -> bytes:
        async with guarded(tmp_path, {"none": "a test"}, tls=listening(tmp_path, minimum_tls=minimum)) as rig:
            return (await decided(rig.port, context))[1]

    assert b"approve" in uvloop.run(main("1.0"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        uvloop.run(main("1.2"))
    old = Tls(certificate="a", key="b", minimum_tls="1.0", ciphers="ALL")
    assert len(listener_warnings(old)) == 2
    assert listener_warnings(None) == listener_warnings(Tls(certificate="a", key="b")) == []


def test_ciphers_that_openssl_does_not_know_are_a_configuration_error(tmp_path: Path, authority: Made) -> None:
    made(tmp_path, "server", authority)
    with pytest.raises(ConfigError, match=r"incumbent\.ciphers"):
        soap(tmp_path, "https://localhost/", ciphers="NO-SUCH")
    with pytest.raises(ConfigError, match=r"listen\.tls\.ciphers"):
        listening(tmp_path, ciphers="NO-SUCH")
    with pytest.raises(ConfigError, match="cannot be read as PEM"):
        certificates(Tls(certificate="absent.pem", key="absent.pem"), tmp_path)
