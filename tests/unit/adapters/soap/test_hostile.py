"""Hostile and broken messages are refused with a reason to count by, quickly and without fetching anything."""

import socket
from pathlib import Path

import pytest

from adapters.soap.wsdl import Operation, load
from gateway.contract import Opaque, Raw, Undecodable
from tests.unit.adapters.soap.wsdls import ask, body_type, enveloped, operation, written

TYPES = body_type(
    '<xs:sequence><xs:element name="V" type="xs:string" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>'
)
GOOD = ask("<t:V>\u00e9</t:V>").body.decode()
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>' + GOOD.replace("\u00e9", "&l9;")
EXTERNAL = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + GOOD.replace("\u00e9", "&e;")
PLAIN_DTD = '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">' + GOOD
DEEP = ask("<t:V>" * 100 + "</t:V>" * 100).body
DEEPER = ask("<t:V>" * 5000 + "</t:V>" * 5000).body
MANY = "".join(f' a{n}="1"' for n in range(600))


@pytest.fixture
def one(tmp_path: Path) -> Operation:
    return operation(tmp_path, TYPES)


HOSTILE = [
    ("a bomb", BOMB.encode(), "doctype"),
    ("an external entity", EXTERNAL.encode(), "doctype"),
    ("an external DTD", PLAIN_DTD.encode(), "doctype"),
    ("a DOCTYPE in UTF-16", BOMB.encode("utf-16"), "doctype"),
    (
        "a DOCTYPE in UTF-16 without a mark",
        ("<?xml version='1.0' encoding='UTF-16'?>" + BOMB).encode("utf-16-be"),
        "doctype",
    ),
    ("nested 100 deep", DEEP, "too_deep"),
    ("nested 5000 deep", DEEPER, "too_deep"),
    ("600 attributes", ask("<t:V/>", attributes=MANY).body, "too_large"),
    ("600 attributes with lures", ask("<t:V/>", attributes=MANY.replace('"1"', '">"')).body, "too_large"),
    ("200,001 elements", ask("<V/>" * 200_001).body, "too_large"),
    ("nothing", b"", "malformed"),
    ("no XML", b"Bad Gateway", "malformed"),
    ("half a message", GOOD.encode()[:-20], "malformed"),
    ("XML 1.1", b'<?xml version="1.1"?>' + GOOD.encode(), "malformed"),
    ("a broken declaration", b"<?xml encoding='utf-8'?>" + GOOD.encode(), "malformed"),
    ("an unknown entity", ask("<t:V>&nbsp;</t:V>").body, "malformed"),
    ("an undeclared prefix", enveloped("<q:Ask/>").body, "malformed"),
    ("bytes that are no UTF-8", GOOD.encode("latin-1"), "malformed"),
    ("half a pair of UTF-16", GOOD.encode("utf-16")[:-1], "malformed"),
    ("a character XML forbids", ask("<t:V>&#1;</t:V>").body, "malformed"),
    ("an encoding that hides markup", b"<?xml version='1.0' encoding='UTF-7'?>" + GOOD.encode(), "encoding"),
    ("HTML", b"<html><body>no</body></html>", "not_soap"),
    ("an envelope of another version", GOOD.replace("xmlsoap.org", "example.org").encode(), "not_soap"),
    ("an empty Body", enveloped("").body, "wrong_operation"),
    ("two elements in Body", enveloped("<a/><b/>").body, "wrong_operation"),
    ("another operation", enveloped('<x:Other xmlns:x="urn:t"/>').body, "wrong_operation"),
]


@pytest.mark.parametrize(("body", "reason"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_hostile_or_broken_message_is_refused_with_its_reason(one: Operation, body: bytes, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        one.codec.request(Raw(body, "text/xml"))
    assert caught.value.reason == reason
    assert "<string>" not in str(caught.value)


def test_broken_xml_is_told_with_its_place_and_none_of_its_content(one: Operation) -> None:
    with pytest.raises(Undecodable) as caught:
        one.codec.request(Raw(b"<a>\n<![CDATA[secret", "text/xml"))
    assert str(caught.value) == "The message is not well-formed XML (line 2, column 16): CData section not finished."


def test_an_external_dtd_is_never_asked_for(one: Operation) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/x.dtd"
        with pytest.raises(Undecodable):
            one.codec.request(Raw(f'<!DOCTYPE x SYSTEM "{address}">{GOOD}'.encode(), "text/xml"))
        with pytest.raises(BlockingIOError):
            listener.accept()


HARMLESS = [
    ("a DOCTYPE in CDATA", ask("<t:V><![CDATA[<!DOCTYPE x>]]></t:V>"), "<!DOCTYPE x>"),
    ("many equal signs", ask("<t:V>" + "=" * 2000 + "</t:V>"), "=" * 2000),
    ("a newline before the declaration", Raw(b'\r\n <?xml version="1.0"?>' + GOOD.encode(), "text/xml"), "\u00e9"),
    ("a byte order mark", Raw(b"\xef\xbb\xbf" + GOOD.encode(), "text/xml"), "\u00e9"),
    ("UTF-16", Raw(GOOD.encode("utf-16"), "text/xml"), "\u00e9"),
    ("UTF-16, big end first", Raw(b"\xfe\xff" + GOOD.encode("utf-16-be"), "text/xml; charset=utf-16"), "\u00e9"),
    ("UTF-16 that says so", Raw(('<?xml version="1.0" encoding="utf-16"?>' + GOOD).encode("utf-16"), ""), "\u00e9"),
    ("Latin-1 by declaration",
     Raw(('<?xml version="1.0" encoding="ISO-8859-1"?>' + GOOD).encode("latin-1"), ""), "\u00e9"),
    ("Latin-1 by media type", Raw(GOOD.encode("latin-1"), 'text/xml; charset="iso-8859-1"'), "\u00e9"),
    ("UTF-8 by media type against its declaration",
     Raw(('<?xml version="1.0" encoding="utf-16"?>' + GOOD).encode(), "text/xml;charset=utf-8"), "\u00e9"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "text"), [row[1:] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_an_unusual_but_harmless_message_is_read(one: Operation, raw: Raw, text: str) -> None:
    assert one.codec.request(raw) == {"V": [text]}


def test_a_message_over_the_limit_is_refused_unparsed(tmp_path: Path) -> None:
    small = load(written(tmp_path, TYPES), max_decode=100).operations["Ask"].codec
    with pytest.raises(Undecodable, match="100") as caught:
        small.request(ask("<t:V/>"))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (Raw(b"<html/>", "text/html", 502), "http:502"),
        (Raw(b"<html/>", "text/html", 200), "not_soap"),
        (Raw(b"", "", 202), "http:202"),
        (Raw(b"no", "text/plain", 200), "not_soap"),
        (Raw(ask("<t:V/>").body.replace(b"Ask", b"Answer"), "text/xml", 404), "http:404"),
    ],
)
def test_a_technical_reply_is_opaque(one: Operation, raw: Raw, reason: str) -> None:
    assert one.codec.reply(raw) == Opaque(reason)


def test_a_reply_outside_the_contract_is_undecodable(one: Operation) -> None:
    with pytest.raises(Undecodable):
        one.codec.reply(enveloped('<t:Answer xmlns:t="urn:t"><t:W/></t:Answer>'))
