"""gzip and MIME packages around an envelope: found, opened within bounds, and packed again as they were."""

import base64
import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.soap import attachments, content
from adapters.soap.envelope import sniff
from adapters.soap.reading import Reader
from adapters.soap.served import Dress, ServedCodec
from gateway.contract import Call, Raw, Undecodable, Unencodable, Values
from tests.unit.adapters.soap import bank, wsdls

TYPES = wsdls.body_type("""<xs:sequence><xs:element name="Text" type="xs:string"/>
<xs:element name="Data" type="xs:base64Binary" minOccurs="0" maxOccurs="9"/></xs:sequence>""")
XOP = '<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="{}"/>'
MTOM = 'Multipart/Related; boundary="=_b 1"; type="application/xop+xml"; start="<root@a>"; start-info="text/xml"'


def codec(folder: Path, limit: int = 1 << 20) -> ServedCodec:
    return ServedCodec(wsdls.operation(folder, TYPES), Dress(), limit)


def package(*parts: tuple[str, bytes], boundary: str = "=_b 1", line: bytes = b"\r\n") -> bytes:
    """A package of parts, each with its headers."""
    body = b"a preamble" + line
    for headers, data in parts:
        lines = b"".join(one.encode() + line for one in headers.split("\n") if one)
        body += b"--" + boundary.encode() + line + lines + line + data + line
    return body + b"--" + boundary.encode() + b"--" + line


ROOT = 'Content-Type: application/xop+xml; charset=utf-8;\n type="text/xml"\nContent-ID: <root@a>'


def mtom(data: str, *parts: tuple[str, bytes]) -> Raw:
    envelope = wsdls.ask(f"<t:Text>a</t:Text>{data}").body
    return Raw(package(*parts, (ROOT, envelope)), MTOM)


def test_gzip_is_recognised_by_its_first_bytes(tmp_path: Path) -> None:
    request = wsdls.ask("<t:Text>a</t:Text>", "1.2")
    packed = replace(request, body=gzip.compress(request.body[:50]) + gzip.compress(request.body[50:]))
    one = codec(tmp_path)
    assert one.request(packed) == {"Text": "a"}
    assert sniff(content.beginning(Raw(packed.body, "text/xml"))).version is None  # cut within the first of two
    whole = replace(request, body=gzip.compress(request.body))
    assert sniff(content.beginning(Raw(whole.body, "text/xml"))).body_child == ("urn:t", "Ask")
    answer = one.encode(Values({"Text": "b"}), Call("s", "Ask", whole, one, timeout=5))
    assert answer.media.startswith("application/soap+xml")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (gzip.compress(b" " * 50_000_000), "too_large"),
        (gzip.compress(b"<a/>")[:-3], "gzip"),
        (b"\x1f\x8b nonsense", "gzip"),
        (gzip.compress(gzip.compress(b"<a/>")), "malformed"),
        (b"".join(gzip.compress(b" " * 1000) for _ in range(90)), "too_large"),
    ],
    ids=["bomb", "cut", "broken", "twice", "many members"],
)
def test_bad_gzip_is_undecodable_within_bounds(body: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Undecodable) as caught:
        codec(tmp_path, 1 << 16).request(Raw(body, "text/xml"))
    assert caught.value.reason == reason


def test_a_compressed_reply_is_read_and_amended_and_stays_compressed(tmp_path: Path) -> None:
    one, plain = codec(tmp_path), wsdls.answer("<t:Text>old</t:Text>")
    raw = replace(plain, body=gzip.compress(plain.body), headers=[(b"Content-Encoding", b"gzip")])
    assert one.reply(raw) == Values({"Text": "old"})
    amended = one.amend(raw, {("Text",): "new"})
    assert gzip.decompress(amended.body) == plain.body.replace(b"old", b"new")
    assert amended.headers == raw.headers


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("", False), ("gzip", True), ("deflate, GZIP;q=0.5", True), ("gzip;q=0", False), ("*", True), ("x-gzip", True),
        ("*;q=0.0", False), ("gzip;q=..", False), ("identity, br", False), ("gzip;q=0, *", False), ("\xff,,;;", False),
    ],
)  # fmt: skip
def test_an_answer_is_compressed_where_the_caller_accepts_it(accepted: str, packed: bool) -> None:
    large, small = Raw(b"x" * 2000, "text/xml", 200), Raw(b"x", "text/xml", 200)
    made = content.compressed(large, {b"accept-encoding": accepted.encode("latin-1")})
    assert (made.body != large.body, (b"content-encoding", b"gzip") in made.headers) == (packed, packed)
    assert not packed or gzip.decompress(made.body) == large.body
    assert content.compressed(small, {b"accept-encoding": accepted.encode("latin-1")}).body == b"x"


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
def test_the_values_of_mtom_come_from_their_parts(line: bytes, tmp_path: Path) -> None:
    data = f"<t:Data>{XOP.format('cid:one%40a')}</t:Data><t:Data>{XOP.format('cid:two')}</t:Data><t:Data>YQ==</t:Data>"
    parts = [
        ("Content-ID: <one@a>\nContent-Transfer-Encoding: binary", b"\x00\xff\r\n--=_b\r\n"),
        ("content-id: <two>\nContent-Transfer-Encoding: BASE64", base64.b64encode(b"two" * 100)),
    ]
    raw = mtom(data, *parts)
    raw.body = package(*parts, (ROOT, wsdls.ask(f"<t:Text>a</t:Text>{data}").body), line=line)
    assert codec(tmp_path).request(raw) == {"Text": "a", "Data": [b"\x00\xff\r\n--=_b\r\n", b"two" * 100, b"a"]}
    assert sniff(content.beginning(raw)).body_child == ("urn:t", "Ask")


def test_attachments_that_the_envelope_does_not_name_are_left_alone(tmp_path: Path) -> None:
    """SOAP with Attachments: the first part is the root where no start is stated, in its own encoding."""
    text = "<?xml version='1.0' encoding='iso-8859-1'?>" + wsdls.ask("<t:Text>ü</t:Text>").body.decode()
    quoted = text.replace("=", "=3D").encode("latin-1").replace(b"\xfc", b"=FC")
    headers = "Content-Type: text/xml\nContent-Transfer-Encoding: quoted-printable"
    raw = Raw(package((headers, quoted), ("Content-Type: image/png", b"\x89PNG")), 'multipart/related;boundary="=_b 1"')
    assert codec(tmp_path).request(raw) == {"Text": "ü"}


PART = ("Content-ID: <one@a>", b"x" * 1000)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (mtom(f"<t:Data>{XOP.format('cid:absent')}</t:Data>", PART), "attachments"),
        (mtom(f"<t:Data>{XOP.format('file:///etc/passwd')}</t:Data>", PART), "attachments"),
        (mtom(f"<t:Data>{XOP.format('cid:one@a')}</t:Data>" * 9 * 60, PART), "too_large"),
        (Raw(b"--b\r\n\r\n<a/>", "multipart/related"), "attachments"),
        (Raw(b"no boundary at all", MTOM), "attachments"),
        (Raw(package(*[("A: b", b"")] * 300), MTOM), "too_large"),
        (Raw(b"--=_b 1\r\nA: " + b"b" * 100_000, MTOM), "attachments"),
        (Raw(package(("Content-Transfer-Encoding: base64", b"a")), MTOM), "attachments"),
    ],
    ids=["absent", "a file", "amplified", "no boundary", "not there", "many parts", "long headers", "not base64"],
)
def test_a_bad_package_is_undecodable_within_bounds(raw: Raw, reason: str, tmp_path: Path) -> None:
    with pytest.raises(Undecodable) as caught:
        codec(tmp_path, 1 << 18).request(raw)
    assert caught.value.reason == reason
    assert content.beginning(raw) is not None


def test_the_envelope_of_a_reply_with_attachments_is_amended_in_its_place(tmp_path: Path) -> None:
    one, envelope = codec(tmp_path), wsdls.answer("<t:Text>old</t:Text>").body
    raw = Raw(package((ROOT, envelope), PART), MTOM, 200)
    assert one.reply(raw) == Values({"Text": "old"})
    assert one.amend(raw, {("Text",): "new"}).body == raw.body.replace(b"old", b"new")
    encoded = Raw(package((f"{ROOT}\nContent-Transfer-Encoding: base64", base64.b64encode(envelope))), MTOM, 200)
    with pytest.raises(Unencodable):
        one.amend(encoded, {("Text",): "new"})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1"])
def test_requests_of_any_encoding_are_read_behind_blank_lines(encoding: str) -> None:
    request = bank.examples(50)["A"].decode().partition("?>")[2]
    name = encoding.removesuffix("-sig")
    blank = "" if encoding in ("utf-8-sig", "utf-16") else "\r\n "
    body = f'{blank}<?xml version="1.0" encoding="{name}"?>{request}'.encode(encoding)
    one = ServedCodec(bank.contract().operations["ScoreLoan"], Dress(), 1 << 20)
    assert one.request(Raw(body, "text/xml")) == one.request(Raw(request.encode(), "text/xml"))


def test_any_bytes_are_survived() -> None:
    reader: Any = Reader(1 << 16)
    for body in (b"", b"--", b"--=_b 1", b"--=_b 1--", b"\r\n--=_b 1\r\n\r\n\r\n--=_b 1\r\n"):
        try:
            attachments.envelope(Raw(body, MTOM), reader, 1 << 16)
        except Undecodable as error:
            assert error.reason == "attachments"
