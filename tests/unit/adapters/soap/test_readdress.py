"""wsa:To is replaced in place and nothing else is; whatever is unclear stays as it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.soap.headers import WSA, WSA_2004
from adapters.soap.namespaces import SOAP11, SOAP12
from adapters.soap.readdress import readdressed

NEW = "http://old.example/ask?a=1&b=2"
ESCAPED = b"http://old.example/ask?a=1&amp;b=2"
WAS = "http://gateway/ask"


def envelope(to: str, soap: str = SOAP11, wsa: str = WSA, before: str = "", after: str = "") -> str:
    return (
        f'{before}<e:Envelope xmlns:e="{soap}" xmlns:a="{wsa}"><e:Header><a:Action>x</a:Action>{to}</e:Header>'
        f"<e:Body><t:Ask xmlns:t='urn:t'><a:To>{WAS}</a:To></t:Ask></e:Body></e:Envelope>{after}"
    )


@pytest.mark.parametrize("soap", [SOAP11, SOAP12])
@pytest.mark.parametrize("wsa", [WSA, WSA_2004])
@pytest.mark.parametrize("tag", ["<a:To>", '<a:To e:mustUnderstand="1" b=">">', "<a:To\n>"])
@pytest.mark.parametrize("before", ["", "\r\n", '<?xml version="1.0" encoding="utf-8"?>\n<!-- <a:To>no</a:To> -->'])
def test_the_text_is_replaced_and_every_other_byte_kept(soap: str, wsa: str, tag: str, before: str) -> None:
    sent = envelope(f"{tag}{WAS}</a:To >", soap, wsa, before, "\n ")
    changed = readdressed(sent.encode(), "text/xml", NEW)
    assert changed == sent.encode().replace(WAS.encode(), ESCAPED, 1)


def test_what_is_escaped_or_in_parts_is_replaced_whole() -> None:
    sent = envelope("<a:To>http://a/?x=1&amp;y<![CDATA[&z]]>\n</a:To>").encode()
    changed = readdressed(sent, "text/xml", NEW)
    assert etree.fromstring(changed).findtext(f".//{{{WSA}}}To") == NEW
    assert changed.endswith(sent[sent.index(b"</a:To>") :])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "latin-1"])
def test_other_encodings_keep_theirs(encoding: str) -> None:
    declared = {"latin-1": "iso-8859-1", "utf-8-sig": "utf-8"}.get(encoding, "utf-16")
    before = f'<?xml version="1.0" encoding="{declared}"?>'
    sent = envelope(f"<a:To>{WAS}</a:To><x>é</x>", before=before).encode(encoding)
    changed = readdressed(sent, "text/xml", NEW)
    assert changed.decode(encoding) == sent.decode(encoding).replace(WAS, ESCAPED.decode(), 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"no xml", envelope("<a:To/>").encode(), envelope("").encode(), envelope("<x><a:To>b</a:To></x>").encode(),
        envelope("<a:To>a<b/>c</a:To>").encode(), envelope("<To>a</To>").encode(),
        b"<!DOCTYPE x>" + envelope(f"<a:To>{WAS}</a:To>").encode(),
        envelope(f"<y>{'x' * 70_000}</y><a:To>{WAS}</a:To>").encode(), envelope("<a:To>a").encode()[:200],
    ],
)  # fmt: skip
def test_what_has_no_plain_to_stays_as_it_came(sent: bytes) -> None:
    assert readdressed(sent, "text/xml", NEW) == sent


@given(st.binary(max_size=300), st.sampled_from(["text/xml", "text/xml; charset=utf-16", "x; charset=nonsense"]))
def test_it_never_raises(noise: bytes, media: str) -> None:
    readdressed(noise, media, NEW)
    readdressed(envelope(f"<a:To>{WAS}</a:To>").encode().replace(b"Action", noise), media, NEW)
