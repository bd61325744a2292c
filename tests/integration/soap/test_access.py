"""Who is let in where the candidate answers: over a whole gateway, with the store, and legacy behind it."""

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

import pytest
import uvloop
from zeep import Client
from zeep.exceptions import Fault
from zeep.transports import Transport
from zeep.wsse.username import UsernameToken

from adapters.soap.headers import WSA, WSSE, WSU
from gateway.contract import By
from gateway.once import Once
from gateway.store.engine import connect
from tests.integration.soap.guarded import (
    PATH,
    addressed,
    answer,
    basic,
    digest_token,
    envelope,
    guarded,
    security,
    stamp,
    text_token,
)
from tests.integration.wire import answering, header, ok

USERS = {"ada": "s3cret", "bob": "pässwort", "eve": ""}
NONE = {"none": "a test"}
FAILED, INVALID = (WSSE, "FailedAuthentication"), (WSSE, "InvalidSecurity")
INVALID_TOKEN = (WSSE, "InvalidSecurityToken")
UNSUPPORTED, EXPIRED = (WSSE, "UnsupportedSecurityToken"), (WSU, "MessageExpired")


def verify(**settings: Any) -> dict[str, Any]:
    return {"verify": {"users": USERS} | settings}


TOKENS = verify(tokens=["text", "digest"])


def refused(folder: Path, auth: Any, head: str, *more: str, version: str = "1.1") -> tuple[int, tuple[str, str], str]:
    """Status, code and reason of the fault that a call with this header gets."""
    found: list[Any] = []

    async def main() -> None:
        async with guarded(folder, auth) as rig:
            status, said = await rig.ask(head, *more, version=version)
            assert said.decision is None, said.body
            assert rig.legacy.requests == []
            found.extend((status, said.code, said.reason, header(said.head, "www-authenticate")))

    uvloop.run(main())
    return found[0], found[1], found[2]


SPACES = {"1.1": "http://schemas.xmlsoap.org/soap/envelope/", "1.2": "http://www.w3.org/2003/05/soap-envelope"}


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_caller_with_a_right_token_is_answered_by_the_candidate(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            must = f' xmlns:m="{SPACES[version]}" m:mustUnderstand="1"'
            dated = text_token(more=f"<wsse:Nonce>AAAA</wsse:Nonce><wsu:Created>{stamp(-60)}</wsu:Created>")
            beyond = ("bob", "pässwort")
            for token in (text_token(), text_token(*beyond), digest_token(), digest_token(*beyond), dated):
                status, said = await rig.ask(security(token, must), version=version)
                assert (status, said.decision) == (200, "approve"), said.body
            assert rig.legacy.requests == []

    uvloop.run(main())


def wrong_tokens() -> list[tuple[str, tuple[str, str]]]:
    """Headers that let nobody in, and the code of the fault."""
    return [
        ("", FAILED),
        (security(""), FAILED),
        (security(text_token(word="wrong")), FAILED),
        (security(text_token(word="")), FAILED),
        (security(text_token("nobody")), FAILED),
        (security(text_token("eve", "")), FAILED),
        (security(digest_token(word="wrong")), FAILED),
        (security(digest_token("eve", "")), FAILED),
        (security(digest_token("nobody")), FAILED),
        (security(digest_token(created=stamp(-700))), EXPIRED),
        (security(digest_token(created=stamp(400))), EXPIRED),
        (security(digest_token(created="yesterday")), INVALID),
        (security(digest_token(created="")), INVALID_TOKEN),
        (security(digest_token(nonce=b"")), INVALID_TOKEN),
        (security(digest_token(nonce=b"n" * 129)), INVALID_TOKEN),
        (security(digest_token(nonce=b"n" * 200_000)), INVALID_TOKEN),
        (security(digest_token().replace("<wsse:Nonce>", "<wsse:Nonce>*")), INVALID_TOKEN),
        (security(text_token(more=f"<wsu:Created>{stamp(-3600)}</wsu:Created>")), EXPIRED),
        (security(text_token()) + security(text_token()), INVALID),
        (security(text_token() + text_token("bob", "x")), INVALID),
        (security(text_token(more="<wsse:Password>s3cret</wsse:Password>")), INVALID_TOKEN),
        (security(text_token(more="<wsse:Username>bob</wsse:Username>")), INVALID_TOKEN),
        (security(text_token("a<x>d</x>da")), INVALID_TOKEN),
        (security(text_token("ada<!-- -->.evil")), FAILED),
        (security(text_token("ada.evil", "s3cret<!-- -->")), FAILED),
        (security(text_token("", "s3cret")), INVALID_TOKEN),
        (security(text_token().replace("<wsse:Password>", '<wsse:Password Type="urn:x#Other">')), UNSUPPORTED),
        (security(text_token(), ' xmlns:m="http://schemas.xmlsoap.org/soap/envelope/" m:actor="urn:somebody"'), FAILED),
        (security(text_token() + f"<wsu:Timestamp><wsu:Expires>{stamp(-400)}</wsu:Expires></wsu:Timestamp>"), EXPIRED),
        (security(text_token() + "<wsu:Timestamp/>"), INVALID),
        (security(text_token() + "<wsu:Timestamp/>" * 2), INVALID),
        (security(text_token() + f"<wsu:Timestamp><wsu:Created>{stamp()}</wsu:Created><wsu:Expires>{stamp(-9)}"
                  "</wsu:Expires></wsu:Timestamp>"), INVALID),
        (security(text_token() + "<wsse:BinarySecurityToken>AA</wsse:BinarySecurityToken>",
                  ' xmlns:m="http://schemas.xmlsoap.org/soap/envelope/" m:mustUnderstand="1"'), UNSUPPORTED),
    ]  # fmt: skip


def test_whoever_shows_no_right_token_gets_the_proper_fault(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            for head, code in wrong_tokens():
                status, said = await rig.ask(head, "SOAPAction: urn:t/Ask")
                assert (status, said.decision) == (500, None), head
                assert (said.code, "s3cret" in said.reason) == (code, False), head
            assert rig.legacy.requests == []

    uvloop.run(main())


def test_in_soap_1_2_the_fault_of_security_is_a_subcode_of_sender(tmp_path: Path) -> None:
    status, code, _ = refused(tmp_path, TOKENS, security(text_token(word="wrong")), version="1.2")
    assert (status, code) == (400, FAILED)


def test_an_entity_or_doctype_in_a_token_is_refused_as_malformed(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            plain = envelope(header=security(text_token("&u;")))
            for body in (plain, b'<!DOCTYPE e [<!ENTITY u "ada">]>' + plain):
                status, said = await rig.ask("", "SOAPAction: urn:t/Ask", body=body)
                assert (status, said.code[1], said.decision) == (500, "Client", None)

    uvloop.run(main())


def test_a_digest_is_taken_once_over_all_workers_that_share_the_store(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            token = security(digest_token())
            assert (await rig.ask(token))[1].decision == "approve"
            status, said = await rig.ask(token)
            assert (status, said.code, "used before" in said.reason) == (500, FAILED, True)
            # Another worker has no memory of its own of it.
            rig.gateway.dispatch._once = Once(rig.gateway.engine)
            assert (await rig.ask(token))[1].code == FAILED

    uvloop.run(main())


def test_the_same_text_token_may_be_used_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            for _ in range(3):
                assert (await rig.ask(security(text_token())))[1].decision == "approve"

    uvloop.run(main())


def test_while_the_store_is_down_a_digest_is_taken_once_by_each_worker(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            rig.gateway.dispatch._once = Once(connect("sqlite:///missing.db", tmp_path))
            token = security(digest_token())
            assert (await rig.ask(token))[1].decision == "approve"
            assert (await rig.ask(token))[1].code == FAILED
            assert (await rig.ask(security(digest_token())))[1].decision == "approve"

    uvloop.run(main())


def test_fifty_replays_at_once_are_answered_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            once = [Once(rig.gateway.engine) for _ in range(2)]
            found = await asyncio.gather(*(once[n % 2].first("wsse", b"x" * 32, 60) for n in range(50)))
            assert sum(found) == 1

    uvloop.run(main())


def test_a_timestamp_is_demanded_where_that_is_configured(tmp_path: Path) -> None:
    auth = verify(tokens=["text"], timestamp=True)
    assert refused(tmp_path, auth, security(text_token()))[1] == INVALID

    async def main() -> None:
        async with guarded(tmp_path, auth) as rig:
            dates = f"<wsu:Created>{stamp(-1)}</wsu:Created><wsu:Expires>{stamp(60)}</wsu:Expires>"
            stamped = security(f"<wsu:Timestamp>{dates}</wsu:Timestamp>" + text_token())
            assert (await rig.ask(stamped))[1].decision == "approve"

    uvloop.run(main())


def test_a_kind_of_token_that_is_not_configured_is_not_taken(tmp_path: Path) -> None:
    assert refused(tmp_path, verify(tokens=["digest"]), security(text_token()))[1] == UNSUPPORTED


def test_basic_is_asked_for_with_401_and_taken(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, verify(basic=True, realm="Bank")) as rig:
            for wrong in ((), (basic(word="wrong"),), ("Authorization: Basic !!",), ("Authorization: Bearer abc",),
                          (basic(), basic("bob", "x")), (basic("eve", ""),)):  # fmt: skip
                status, said = await rig.ask("", *wrong)
                assert (status, said.code) == (401, FAILED), wrong
                assert header(said.head, "www-authenticate") == ['Basic realm="Bank", charset="UTF-8"']
            for right in (basic(), basic("bob", "pässwort"), basic().replace("Basic", "bAsIc")):
                assert (await rig.ask("", right))[1].decision == "approve"
            latin = "Authorization: Basic " + base64.b64encode("bob:pässwort".encode("latin-1")).decode()
            assert (await rig.ask("", latin))[1].decision == "approve"
            assert rig.legacy.requests == []

    uvloop.run(main())


@pytest.mark.parametrize(("require", "only_one"), [("any", "approve"), ("all", None)])
def test_several_methods_hold_together_or_each_for_itself(tmp_path: Path, require: str, only_one: str | None) -> None:
    async def main() -> None:
        async with guarded(tmp_path, verify(basic=True, tokens=["text"], require=require)) as rig:
            assert (await rig.ask(security(text_token()), basic()))[1].decision == "approve"
            assert (await rig.ask(security(text_token())))[1].decision == only_one
            assert (await rig.ask("", basic()))[1].decision == only_one
            # What is shown and wrong is refused whatever else is right.
            assert (await rig.ask(security(text_token()), basic(word="wrong")))[1].decision is None
            assert (await rig.ask(security(text_token(word="wrong")), basic()))[1].decision is None

    uvloop.run(main())


@pytest.mark.parametrize(("stage", "base"), [("shadow", "none"), ("canary", "none"), ("live", "incumbent")])
def test_where_the_incumbent_answers_nothing_is_checked(tmp_path: Path, stage: str, base: str) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS, stage=stage, base=base) as rig:
            wrong = security(text_token(word="wrong"))
            unknown = '<x:Y xmlns:x="urn:x" xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" e:mustUnderstand="1"/>'
            sent = envelope(header=wrong + unknown)
            status, said = await rig.ask(body=sent)
            assert (status, said.decision) == (200, "approve" if base == "incumbent" else "legacy")
            assert rig.legacy.requests[0][1] == sent

    uvloop.run(main())


def test_a_denied_call_is_counted_with_its_reason_and_none_of_its_token(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:
            await rig.ask(security(text_token(word="hunter2-wrong")))
            await rig.ask(security(digest_token(created=stamp(-4000))))
            rig.gateway.dispatch._meters.flush()
            samples = [
                sample for metric in rig.gateway.dispatch._meters.registry.collect() for sample in metric.samples
                if metric.name == "understudy_calls" and sample.name.endswith("_total")
            ]  # fmt: skip
            assert {(s.labels["by"], s.labels["reason"]): s.value for s in samples} == {
                (By.CANDIDATE, "denied:wrong"): 1, (By.CANDIDATE, "denied:expired"): 1,
            }  # fmt: skip
            assert rig.gateway.pipe._terms["ask"] == {"not_observable:Denied": 2}

    uvloop.run(main())
    written = "".join(capfd.readouterr())
    assert "hunter2" not in written and "ada" not in written


def zeep_client(port: int, folder: Path, **options: Any) -> Any:
    client = Client(str(folder / "service.wsdl"), transport=Transport(timeout=10), **options)
    return client.create_service("{urn:t}B11", f"http://127.0.0.1:{port}{PATH}")


@pytest.mark.parametrize("use_digest", [False, True])
def test_zeep_with_its_own_username_token_is_let_in(tmp_path: Path, use_digest: bool) -> None:
    async def main() -> None:
        async with guarded(tmp_path, TOKENS) as rig:

            def call(password: str) -> Any:
                token = UsernameToken("ada", password, use_digest=use_digest)
                return zeep_client(rig.port, tmp_path, wsse=token).Ask(Id="1", Amount=10)

            assert (await asyncio.to_thread(call, "s3cret")).Decision == "approve"
            with pytest.raises(Fault, match="could not be authenticated") as caught:
                await asyncio.to_thread(call, "wrong")
            assert caught.value.code == "s:FailedAuthentication"

    uvloop.run(main())


def test_zeep_with_its_addressing_plugin_reads_the_echoed_headers(tmp_path: Path) -> None:
    from zeep.wsa import WsAddressingPlugin

    async def main() -> None:
        async with guarded(tmp_path, NONE) as rig:

            def call() -> Any:
                return zeep_client(rig.port, tmp_path, plugins=[WsAddressingPlugin()]).Ask(Id="1", Amount=10)

            assert (await asyncio.to_thread(call)).Decision == "approve"

    uvloop.run(main())


def _texts(said: Any, *names: str) -> list[str | None]:
    return [said.root.findtext(f"{{*}}Header/{{{WSA}}}{name}") for name in names]


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_addressing_headers_are_echoed(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        async with guarded(tmp_path, NONE) as rig:
            asked = addressed(
                '<a:Action e:mustUnderstand="1">urn:t/Ask</a:Action><a:MessageID>urn:uuid:1&amp;2</a:MessageID>'
                f"<a:To>http://gateway/</a:To><a:ReplyTo><a:Address>{WSA}/anonymous</a:Address>"
                '<a:ReferenceParameters><k:Key xmlns:k="urn:k" k:a="1">v</k:Key></a:ReferenceParameters></a:ReplyTo>'
            )
            status, said = await rig.ask(asked, version=version)
            assert (status, said.decision) == (200, "approve")
            expected = ["urn:uuid:1&2", "urn:t:P:AskResponse", f"{WSA}/anonymous"]
            assert _texts(said, "RelatesTo", "Action", "To") == expected
            [key] = said.root.findall("{*}Header/{urn:k}Key")
            assert (key.text, dict(key.attrib)) == ("v", {"{urn:k}a": "1", f"{{{WSA}}}IsReferenceParameter": "true"})
            # Declared faults have their own action, ours the standard one.
            ask = '<t:Ask xmlns:t="urn:t"><t:Id>1</t:Id><t:Amount>{}</t:Amount></t:Ask>'
            _, said = await rig.ask(asked, version=version, content=ask.format(2_000_000))
            assert _texts(said, "Action", "RelatesTo") == ["urn:t:P:Ask:Fault:Trouble", "urn:uuid:1&2"]
            _, said = await rig.ask(asked, version=version, content=ask.format("much"))
            assert _texts(said, "Action", "RelatesTo") == [f"{WSA}/soap/fault", "urn:uuid:1&2"]

    uvloop.run(main())


def test_a_reply_to_elsewhere_is_ignored_and_refused_where_it_must_be_understood(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, NONE) as rig:
            elsewhere = "<a:ReplyTo{}><a:Address>http://127.0.0.1:1/evil</a:Address></a:ReplyTo>"
            status, said = await rig.ask(addressed(elsewhere.format("")))
            assert (status, said.decision) == (200, "approve")
            status, said = await rig.ask(addressed(elsewhere.format(' e:mustUnderstand="1"')))
            assert (status, said.code) == (500, (WSA, "OnlyAnonymousAddressSupported"))
            status, said = await rig.ask(addressed("<a:MessageID>1</a:MessageID>" * 2))
            assert said.code == (WSA, "InvalidCardinality")
            assert rig.legacy.requests == []

    uvloop.run(main())


UNKNOWN = '<x:Session xmlns:x="urn:x" xmlns:e="{}" e:{}>7</x:Session>'


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_header_that_must_be_understood_and_is_not_is_the_proper_fault(tmp_path: Path, version: str) -> None:
    async def main() -> None:
        space = SPACES
        async with guarded(tmp_path, NONE, understands=["{urn:y}"]) as rig:
            must = UNKNOWN.format(space[version], 'mustUnderstand="1"')
            status, said = await rig.ask(must, version=version)
            assert (status, said.code) == (500, (space[version], "MustUnderstand"))
            if version == "1.2":
                [node] = said.root.findall(f"{{{space['1.2']}}}Header/{{{space['1.2']}}}NotUnderstood")
                prefix, _, local = node.get("qname").rpartition(":")
                assert (node.nsmap[prefix], local) == ("urn:x", "Session")
            target = "actor" if version == "1.1" else "role"
            for fine in (
                UNKNOWN.format(space[version], 'mustUnderstand="0"'),
                must.replace("urn:x", "urn:y"),
                must.replace(">7", f' e:{target}="urn:somebody-else">7'),
            ):
                assert (await rig.ask(fine, version=version))[1].decision == "approve", fine
            _, said = await rig.ask(security(""), version=version)
            assert said.decision == "approve"
            marked = security("", f' xmlns:m="{space[version]}" m:mustUnderstand="true"')
            _, said = await rig.ask(marked, version=version)
            assert said.code == (space[version], "MustUnderstand")

    uvloop.run(main())


@pytest.mark.parametrize("action", ['"urn:t/Other"', "urn:t/Other", "'urn:t/Other'"])
def test_a_contradiction_is_a_fault_only_where_the_candidate_would_answer(tmp_path: Path, action: str) -> None:
    async def main(stage: str) -> None:
        async with guarded(tmp_path, NONE, stage=stage) as rig:
            status, said = await rig.ask("", f"SOAPAction: {action}")
            if stage == "live":
                assert (status, said.code[1], "different operations" in said.reason) == (500, "Client", True)
                assert rig.legacy.requests == []
            else:
                assert (status, said.decision, rig.legacy.requests[0][1]) == (200, "legacy", envelope())

    for stage in ("live", "shadow", "canary"):
        uvloop.run(main(stage))


def test_an_action_of_addressing_or_of_the_content_type_contradicts_as_well(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, NONE) as rig:
            _, said = await rig.ask(addressed("<a:Action>urn:t/Other</a:Action>"))
            assert "different operations" in said.reason
            head, body = await rig.client.ask(
                f'POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/soap+xml; action="urn:t/Other"\r\n'
                f"Content-Length: {len(envelope(version='1.2'))}\r\n\r\n".encode()
                + envelope(version="1.2")
            )
            assert head[9:12] == b"400" and b"different operations" in body
            for fine in ('SOAPAction: ""', "SOAPAction:", 'SOAPAction: "urn:unheard-of"', "SOAPAction: urn:t/Ask"):
                assert (await rig.ask("", fine))[1].decision == "approve", fine

    uvloop.run(main())


def test_the_status_of_faults_is_as_configured(tmp_path: Path) -> None:
    async def main() -> None:
        statuses = {"status_11": 200, "status_12_sender": 200, "status_12_receiver": 200}
        async with guarded(tmp_path, NONE, faults=statuses) as rig:
            big = '<t:Ask xmlns:t="urn:t"><t:Id>1</t:Id><t:Amount>2000000</t:Amount></t:Ask>'
            for version in ("1.1", "1.2"):
                for content in (big, '<t:Ask xmlns:t="urn:t"><t:Amount>x</t:Amount></t:Ask>'):
                    status, said = await rig.ask(content=content, version=version)
                    assert (status, b"Fault>" in said.body) == (200, True)

    uvloop.run(main())


def test_an_envelope_of_an_unknown_version_is_a_version_mismatch(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, NONE) as rig:
            body = envelope().replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"urn:soap-9")
            status, said = await rig.ask("", "SOAPAction: urn:t/Ask", body=body)
            assert (status, said.code[1]) == (500, "VersionMismatch")

    uvloop.run(main())


PROBE = {"probe": {"keep": "1h"}}


def test_the_callers_own_first_call_asks_legacy_and_the_yes_is_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, PROBE) as rig:
            assert [(await rig.ask("", basic()))[1].decision for _ in range(3)] == ["legacy", "approve", "approve"]
            assert (await rig.ask("", basic("bob", "x")))[1].decision == "legacy"
            assert (await rig.ask(security(text_token())))[1].decision == "legacy"
            # A moment and a nonce are no part of who it is.
            again = text_token(more=f"<wsse:Nonce>AAAA</wsse:Nonce><wsu:Created>{stamp()}</wsu:Created>")
            assert (await rig.ask(security(again)))[1].decision == "approve"
            assert (await rig.ask(security(text_token(word="other"))))[1].decision == "legacy"
            assert len(rig.legacy.requests) == 4

    uvloop.run(main())


@pytest.mark.parametrize("head", ["", security(digest_token())], ids=["none", "a digest"])
def test_credentials_that_do_not_outlast_a_call_stay_with_legacy(tmp_path: Path, head: str) -> None:
    async def main() -> None:
        async with guarded(tmp_path, PROBE) as rig:
            for _ in range(3):
                assert (await rig.ask(head))[1].decision == "legacy"

    uvloop.run(main())


NO_ANSWERS = [
    (b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="old"\r\nContent-Length: 4\r\n\r\nnope', b"nope", 401),
    (ok(b"<html>log in</html>", "Content-Type: text/html"), b"<html>log in</html>", 200),
    (ok(envelope("<e:Fault><faultcode>e:Client</faultcode><faultstring>who?</faultstring></e:Fault>")), b"who?", 200),
]


@pytest.mark.parametrize(("said_no", "words", "status"), NO_ANSWERS)
def test_a_no_is_relayed_as_legacy_said_it_and_never_kept(
    tmp_path: Path, said_no: bytes, words: bytes, status: int
) -> None:
    async def main() -> None:
        behave = answering(said_no, said_no, ok(answer()))
        async with guarded(tmp_path, PROBE, behave=behave) as rig:
            for _ in range(2):
                found, said = await rig.ask("", basic())
                assert (found, words in said.body) == (status, True)
            assert [(await rig.ask("", basic()))[1].decision for _ in range(2)] == ["legacy", "approve"]

    uvloop.run(main())


def test_a_configured_probe_request_carries_the_callers_credentials(tmp_path: Path) -> None:
    (tmp_path / "ping.xml").write_bytes(envelope('<t:Ping xmlns:t="urn:t"/>'))
    auth = {"probe": {"request": "ping.xml", "action": "urn:t/Ping"}}

    async def main() -> None:
        yes = ok(envelope('<t:Pong xmlns:t="urn:t"/>'))
        async with guarded(tmp_path, auth, behave=answering(NO_ANSWERS[0][0], yes, NO_ANSWERS[2][0])) as rig:
            status, said = await rig.ask(security(text_token()), basic())
            assert (status, said.body) == (401, b"nope")
            for _ in range(2):
                assert (await rig.ask(security(text_token()), basic()))[1].decision == "approve"
            assert len(rig.legacy.requests) == 2
            head, body = rig.legacy.requests[1]
            assert header(head, "soapaction") == ['"urn:t/Ping"'] and header(head, "authorization") == [basic()[15:]]
            assert b"Ping" in body and b"s3cret" in body and b"<t:Ask" not in body
            assert b"who?" in (await rig.ask(security(text_token("bob")), basic()))[1].body

    uvloop.run(main())


def test_a_probe_that_legacy_does_not_answer_is_a_fault_and_no_yes(tmp_path: Path) -> None:
    (tmp_path / "ping.xml").write_bytes(envelope('<t:Ping xmlns:t="urn:t"/>'))

    async def main() -> None:
        auth = {"probe": {"request": "ping.xml"}}
        async with guarded(tmp_path, auth, incumbent={"url": "http://127.0.0.1:9/"}) as rig:
            status, said = await rig.ask("", basic())
            assert (status, said.code[1], "The call did not get there" in said.reason) == (500, "Server", True)

    uvloop.run(main())


def test_our_own_credentials_stand_in_for_the_callers_at_legacy(tmp_path: Path) -> None:
    async def main() -> None:
        ours = {"credentials": {"basic": {"user": "gateway", "password": "köy"}}}
        async with guarded(tmp_path, NONE, stage="shadow", incumbent=ours) as rig:
            await rig.ask("", basic(), body=envelope())
            head, body = rig.legacy.requests[0]
            assert header(head, "authorization") == [basic("gateway", "köy")[15:]]
            assert body == envelope()
            [warning, clear] = rig.gateway.adapters["desk"].warnings()
            assert "every caller acts as 'gateway'" in warning and "in the clear" in clear and "köy" not in warning

    uvloop.run(main())


def test_to_is_rewritten_for_legacy_and_every_other_byte_kept(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, NONE, stage="shadow", incumbent={"rewrite": "wsa_to"}) as rig:
            sent = envelope(header=addressed("<a:To>http://gateway.example/soap/ask</a:To>"))
            for content in (sent, envelope(header=addressed("<a:To/>"))):
                await rig.ask(body=content)
            expected = sent.replace(b"http://gateway.example/soap/ask", rig.legacy.url.encode())
            assert [body for _, body in rig.legacy.requests] == [expected, envelope(header=addressed("<a:To/>"))]
            # What has no route is streamed, with its length put right.
            other = sent.replace(b"t:Ask", b"t:Unheard")
            await rig.ask(body=other)
            assert rig.legacy.requests[2][1] == expected.replace(b"t:Ask", b"t:Unheard")

    uvloop.run(main())


@pytest.mark.parametrize(
    ("challenge", "words"),
    [("NTLM", "NTLM or Negotiate only"), ("Negotiate\r\nWWW-Authenticate: NTLM", "NTLM or Negotiate only"),
     ("Negotiate\r\nWWW-Authenticate: Basic realm=\"a\"", "")],
)  # fmt: skip
def test_check_says_what_to_do_about_a_login_that_binds_connections(tmp_path: Path, challenge: str, words: str) -> None:
    async def main() -> None:
        said = f"HTTP/1.1 401 No\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n".encode()
        async with guarded(tmp_path, NONE, behave=answering(said)) as rig:
            problems = list(await rig.gateway.adapters["desk"].probe())
            assert len(problems) == bool(words) and all(words in problem for problem in problems)
        ours = {"credentials": {"basic": {"user": "gateway", "password": "x"}}}
        async with guarded(tmp_path, NONE, behave=answering(said), incumbent=ours) as rig:
            [problem] = await rig.gateway.adapters["desk"].probe()
            assert problem.startswith("adapters.desk.incumbent.credentials: the incumbent refuses them")

    uvloop.run(main())


def test_check_says_when_nobody_could_be_let_in(tmp_path: Path) -> None:
    async def main() -> None:
        async with guarded(tmp_path, verify(basic=True)) as rig:
            [problem] = await rig.gateway.adapters["desk"].probe()
            assert re.fullmatch(r"adapters\.desk\.auth\.verify\.users\.eve: .*never taken", problem)

    uvloop.run(main())


def test_users_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("# who\nada:s3cret\n\nbob:with:colon\n")

    async def main() -> None:
        async with guarded(tmp_path, {"verify": {"basic": True, "users": "${file:users}"}}) as rig:
            for right in (basic(), basic("bob", "with:colon")):
                assert (await rig.ask("", right))[1].decision == "approve"
            assert (await rig.ask("", basic("# who", "")))[0] == 401

    uvloop.run(main())
