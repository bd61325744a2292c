"""Header blocks: what is for us, what must be understood, what addresses want, and what identifies a caller."""

import asyncio
import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from adapters.soap.addressing import Misaddressed, actions, addressing, with_header
from adapters.soap.auth import Probe, Verify
from adapters.soap.documents import read_documents
from adapters.soap.headers import WSA, WSSE, WSU, HeaderReader, Headers, Node, with_blocks
from adapters.soap.namespaces import SOAP11, SOAP12
from adapters.soap.probe import Prober
from adapters.soap.relay import HttpRequest, Relay
from adapters.soap.security import Rejected, Verifier
from gateway.contract import Raw, Undecodable
from tests.unit.adapters.soap.wsdls import body_type, written

READER = HeaderReader(1 << 20, keep=True)


def envelope(head: str, soap: str = SOAP11) -> Raw:
    return Raw(f'<e:Envelope xmlns:e="{soap}"><e:Header>{head}</e:Header><e:Body/></e:Envelope>'.encode(), "text/xml")


@pytest.mark.parametrize(
    ("soap", "attributes", "ours", "must"),
    [
        (SOAP11, "", True, False), (SOAP11, 'e:mustUnderstand="1"', True, True),
        (SOAP11, 'mustUnderstand="1"', True, False), (SOAP11, 'e:mustUnderstand="0"', True, False),
        (SOAP11, 'e:mustUnderstand="1" e:actor="http://schemas.xmlsoap.org/soap/actor/next"', True, True),
        (SOAP11, 'e:mustUnderstand="1" e:actor="urn:x"', False, False), (SOAP11, 'e:role="urn:x"', True, False),
        (SOAP12, 'e:mustUnderstand=" true "', True, True), (SOAP12, 'e:role="urn:x"', False, False),
        (SOAP12, f'e:role="{SOAP12}/role/none" e:mustUnderstand="1"', False, False),
        (SOAP12, f'e:role="{SOAP12}/role/ultimateReceiver" e:mustUnderstand="1"', True, True),
    ],
)  # fmt: skip
def test_who_a_block_is_for_and_whether_it_must_be_understood(
    soap: str, attributes: str, ours: bool, must: bool
) -> None:
    found = READER.headers(envelope(f'<x:Y xmlns:x="urn:x" {attributes}/>', soap))
    assert ([block.name for block in found.blocks] == ["{urn:x}Y"], found.must == ["{urn:x}Y"]) == (ours, must)
    assert len(found.others) == (not ours)
    assert found.not_understood({"{urn:x}"}) == found.not_understood({"{urn:x}Y"}) == []
    assert found.not_understood(set()) == ([("urn:x", "Y")] if must else [])


@pytest.mark.parametrize(
    "body",
    [f'<a:Envelope xmlns:a="{SOAP11}"><a:Body/><a:Header/><x>Header</x></a:Envelope>',
     f'<a:Envelope xmlns:a="{SOAP11}"><a:Header><b/></a:Header><a:Header/><a:Body/></a:Envelope>',
     "<Header><Envelope/></Header>"],
)  # fmt: skip
def test_a_header_out_of_its_place_is_refused(body: str) -> None:
    with pytest.raises(Undecodable):
        READER.headers(Raw(body.encode(), "text/xml"))


@pytest.mark.parametrize(
    "body", ["<Header/>", '<e:Header xmlns:e="urn:e"/>', "<e:Header> </e:Header >", "<e:Header\n/>", ""]
)
def test_no_header_costs_no_parsing(body: str) -> None:
    assert READER.headers(Raw(b"<never><closed>" + body.replace(' xmlns:e="urn:e"', "").encode())) == Headers()


NAMES = st.sampled_from(
    [f"{{{WSSE}}}{name}" for name in ("Security", "UsernameToken", "Username", "Password", "Nonce", "Other")]
    + [f"{{{WSU}}}{name}" for name in ("Timestamp", "Created", "Expires")]
)
TEXTS = st.one_of(
    st.sampled_from(["", "ada", "s3cret", " ", "AAAA", "0001-01-01T00:00:00+14:00", "9999-12-31T24:00:00Z",
                     "9999-12-31T23:59:59-14:00", "2020-01-01", "=", "2004-02-30T00:00:00Z"]),
    st.text(max_size=20), st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
)  # fmt: skip
KINDS = st.sampled_from([{}, {"Type": "x#PasswordDigest"}, {"Type": "wsse:PasswordText"}, {"Type": "?"}])
TREES = st.recursive(
    st.builds(lambda name, text, kind: Node(name, text, kind, []), NAMES, TEXTS, KINDS),
    lambda inner: st.builds(lambda name, children: Node(name, "", {}, children), NAMES, st.lists(inner, max_size=4)),
    max_leaves=12,
)
VERIFY = Verify.model_validate(
    {"users": {"ada": "s3cret"}, "tokens": ["text", "digest"], "basic": True, "require": "any"}
)


async def _new(scope: str, token: bytes, ttl: float) -> bool:
    return True


def let_in(headers: Headers, authorization: bytes | None = None, **options: Any) -> bool:
    scope = {"headers": [(b"authorization", authorization)] if authorization is not None else []}
    try:
        asyncio.run(Verifier(VERIFY, _new, **options).check(scope, headers))
    except Rejected:
        return False
    return True


@settings(max_examples=400)
@given(TREES, TEXTS)
@example(Node(f"{{{WSSE}}}Security", "", {}, [Node(f"{{{WSU}}}Timestamp", "", {}, [
    Node(f"{{{WSU}}}Created", "0001-01-01T00:00:00+14:00", {}, [])])]), "")  # fmt: skip
def test_no_security_header_brings_the_check_down(tree: Node, text: str) -> None:
    security = tree if tree.name.endswith("}Security") else Node(f"{{{WSSE}}}Security", "", {}, [tree])
    let_in(Headers("1.1", [security], must=[security.name]), text.encode())
    let_in(Headers("1.1", [security]), b"Basic " + base64.b64encode(text.encode()))


def test_a_digest_is_what_the_profile_says() -> None:
    created, nonce = "2004-05-17T09:00:00Z", b"\x00\xff nonce"
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + b"s3cret").digest()).decode()  # noqa: S324
    parts = {"Username": "ada", "Nonce": base64.b64encode(nonce).decode()}
    children = [Node(f"{{{WSSE}}}{name}", text, {}, []) for name, text in parts.items()]
    children.append(Node(f"{{{WSSE}}}Password", digest, {"Type": "urn:any#PasswordDigest"}, []))
    children.append(Node(f"{{{WSU}}}Created", created, {}, []))
    token = Node(f"{{{WSSE}}}UsernameToken", "", {}, children)
    headers = Headers("1.1", [Node(f"{{{WSSE}}}Security", "", {}, [token])])
    for minute, expected in ((-6, False), (-5, True), (0, True), (10, True), (11, False)):
        moment = datetime(2004, 5, 17, 9 + minute // 60, minute % 60, tzinfo=UTC)
        assert let_in(headers, now=lambda moment=moment: moment) is expected, minute


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("head", ["", "<s:Header/>", "<s:Header ></s:Header>", "<s:Header><k>é</k></s:Header>"])
def test_blocks_are_put_into_an_answer_of_any_shape(encoding: str, head: str) -> None:
    declared = {"latin-1": "iso-8859-1", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = f"<?xml version='1.0' encoding='{declared}'?>\n<s:Envelope xmlns:s=\"{SOAP11}\">{head}"
    text += "<s:Body>é</s:Body>\n</s:Envelope>"
    found = with_header(Raw(text.encode(encoding), "text/xml", 200, [(b"a", b"b")]), "<n>€</n>")
    root = etree.fromstring(found.body)
    assert (root.findtext(f"{{{SOAP11}}}Header/n"), root.findtext(f"{{{SOAP11}}}Body")) == ("€", "é")
    assert (root.findtext(f"{{{SOAP11}}}Header/k") or "é") == "é"
    assert (found.status, found.headers) == (200, [(b"a", b"b")])


def test_the_actions_of_answers_are_those_of_the_wsdl_or_the_default_ones(tmp_path: Path) -> None:
    path = written(tmp_path, body_type("<xs:sequence/>"))
    found = actions(read_documents(path))["Ask"]
    assert (found.output, found.faults) == ("urn:t:P:AskResponse", {"Trouble": "urn:t:P:Ask:Fault:Trouble"})
    text = path.read_text().replace('targetNamespace="urn:t">\n<w:types>', 'targetNamespace="http://t/x/">\n<w:types>')
    path.write_text(text.replace("<w:output message", '<w:output name="Reply" message'))
    assert actions(read_documents(path))["Ask"].output == "http://t/x/P/Reply"
    assert actions(read_documents(path))["Ask"].faults == {"Trouble": "http://t/x/P/Ask/Fault/Trouble"}
    stated = '<w:output a:Action="urn:said" xmlns:a="http://www.w3.org/2007/05/addressing/metadata" name'
    path.write_text(path.read_text().replace("<w:output name", stated))
    assert actions(read_documents(path))["Ask"].output == "urn:said"


def test_what_an_address_wants_back_is_returned_and_cannot_break_out() -> None:
    evil = '<k:Key xmlns:k="urn:k" k:a="&quot;&gt;&lt;/x&gt;">&lt;/s:Header&gt;</k:Key>'
    reply = f"<a:Address>{WSA}/anonymous</a:Address><a:ReferenceParameters>{evil}</a:ReferenceParameters>"
    head = f'<a:MessageID xmlns:a="{WSA}">]]&gt;&lt;x/&gt;</a:MessageID>'
    head += f'<a:ReplyTo xmlns:a="{WSA}">{reply}</a:ReplyTo>'
    asked = addressing(READER.headers(envelope(head)))
    assert asked is not None
    root = etree.fromstring(f"<x>{asked.header('urn:a&b')}</x>")
    assert [child.text for child in root] == ["urn:a&b", "]]><x/>", f"{WSA}/anonymous", "</s:Header>"]
    with pytest.raises(Misaddressed):
        addressing(READER.headers(envelope(head + f'<a:MessageID xmlns:a="{WSA}"/>')))


@pytest.mark.parametrize(
    "template",
    ["<s:Envelope><s:Body/></s:Envelope>", "<s:Envelope><s:Header/><s:Body/></s:Envelope>",
     "<s:Envelope><s:Header><a/></s:Header><s:Body>x</s:Body></s:Envelope>"],
)  # fmt: skip
def test_blocks_are_put_into_a_probe(template: str) -> None:
    text = template.replace("<s:Envelope", f'<s:Envelope xmlns:s="{SOAP11}"').encode()
    root = etree.fromstring(with_blocks(text, ["<b/>", "<c/>"]))
    assert [child.tag for child in root[0]][-2:] == ["b", "c"] and root[1].tag == f"{{{SOAP11}}}Body"


def test_whoever_differs_in_any_credential_is_somebody_else(tmp_path: Path) -> None:
    prober = Prober(Probe(ignore=["{urn:i}"]), Relay("http://127.0.0.1:9/"), tmp_path, 1.0)

    def key(head: str = "", operation: str = "Ask", **http: str) -> bytes | None:
        headers = [(name.encode(), value.encode()) for name, value in http.items()]
        return prober.key(HttpRequest(b"", headers=headers), READER.headers(envelope(head)), operation)

    session = '<x:Session xmlns:x="urn:x">{}</x:Session>'
    keys = [
        key(authorization="a"), key(authorization="b"), key(cookie="a"), key(authorization="a", cookie="a"),
        key(authorization="a", operation="Other"), key(session.format(1)), key(session.format(2)),
        key(session.format(1), authorization="a"), key(session.format(f'<e:x xmlns:e="{SOAP11}"/>')),
        key(f'<x:S xmlns:x="urn:x" e:actor="urn:else" xmlns:e="{SOAP11}"/>', authorization="a"),
    ]  # fmt: skip
    assert None not in keys and len(set(keys)) == len(keys)
    ignored = f'<i:Id xmlns:i="urn:i">7</i:Id><a:MessageID xmlns:a="{WSA}">8</a:MessageID>'
    assert key(ignored, authorization="a") == keys[0] and key(ignored) is None and key(accept="x") is None


def test_the_longest_known_caller_is_forgotten_first(tmp_path: Path) -> None:
    prober = Prober(Probe(entries=2), Relay("http://127.0.0.1:9/"), tmp_path, 1.0)
    for key in (b"a", b"b", b"a", b"c"):
        prober.learn(key)
    assert [prober.knows(key) for key in (b"a", b"b", b"c", None)] == [True, False, True, False]
    brief = Prober(Probe.model_validate({"keep": "0s"}), Relay("http://127.0.0.1:9/"), tmp_path, 1.0)
    brief.learn(b"a")
    assert not brief.knows(b"a")
