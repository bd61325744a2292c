"""The contract of a codec, over every adapter that there is: pure, exact both ways, and no error but its own."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import registry
from gateway.contract import Opaque, Path, Raw, Refusal, Undecodable, Unencodable, Values
from tests.spec.specimens import SPECIMENS, Specimen

every = pytest.mark.parametrize("specimen", [make() for make in SPECIMENS], ids=str)


class Bare:
    """A message of which a codec may read three things; it was long ago, and the headers are gone."""

    def __init__(self, raw: Raw) -> None:
        self.body, self.media, self.status = raw.body, raw.media, raw.status


def test_every_registered_adapter_has_a_specimen() -> None:
    assert {make().kind for make in SPECIMENS} == set(registry.ADAPTERS)


@every
def test_what_is_encoded_is_decoded_again(specimen: Specimen) -> None:
    codec = specimen.codec
    for outcome in specimen.outcomes:
        assert codec.reply(codec.encode(outcome, specimen.call())) == outcome


@every
def test_the_same_bytes_are_the_same_values_each_time(specimen: Specimen) -> None:
    codec = specimen.codec
    assert codec.request(specimen.request) == codec.request(specimen.request) != {}
    assert codec.reply(specimen.reply) == codec.reply(specimen.reply)
    assert isinstance(codec.reply(specimen.reply), Values)
    outcome = specimen.outcomes[0]
    assert codec.encode(outcome, specimen.call()) == codec.encode(outcome, specimen.call())


@every
def test_body_media_and_status_are_all_that_is_read(specimen: Specimen) -> None:
    codec, bare = specimen.codec, Bare(specimen.request)
    assert codec.request(bare) == codec.request(specimen.request)  # type: ignore[arg-type]  # less than it may ask for
    reply: Any = Bare(specimen.reply)
    assert codec.reply(reply) == codec.reply(specimen.reply)


@every
def test_an_amended_reply_keeps_every_other_byte(specimen: Specimen) -> None:
    codec = specimen.codec
    amended = codec.amend(specimen.reply, specimen.changes)
    assert amended.body == specimen.amended
    assert (amended.media, amended.status) == (specimen.reply.media, specimen.reply.status)
    assert codec.amend(amended, specimen.changes).body == amended.body, "the second time there is nothing to change"


@every
def test_nothing_is_ever_added_to_a_reply(specimen: Specimen) -> None:
    paths: list[Path] = [specimen.missing, ("Nowhere",), ("Nowhere", 0, "deep"), (0,)]
    for path in paths:
        with pytest.raises(Unencodable):
            specimen.codec.amend(specimen.reply, {path: 1})


@every
@given(st.data())
def test_whatever_cannot_be_read_is_undecodable_and_nothing_else(specimen: Specimen, data: st.DataObject) -> None:
    codec, body = specimen.codec, data.draw(garbage(specimen.request.body) | garbage(specimen.reply.body))
    media = data.draw(
        st.sampled_from([specimen.request.media, "", "text/xml; charset=nonsense", ";;\xff", "multipart/related"])
    )
    raw = Raw(body, media, data.draw(st.sampled_from([0, 200, 500])))
    assert isinstance(refused(lambda: codec.request(raw), Undecodable), dict | None)
    assert isinstance(refused(lambda: codec.reply(raw), Undecodable), Values | Refusal | Opaque | None)
    refused(lambda: codec.amend(raw, specimen.changes), Unencodable)


def garbage(body: bytes) -> st.SearchStrategy[bytes]:
    """Bytes at random; a message cut short, with a byte changed, with a part twice."""
    places = st.integers(0, len(body))
    cut = places.map(lambda end: body[:end])
    changed = st.builds(lambda at, byte: body[:at] + bytes([byte]) + body[at + 1 :], places, st.integers(0, 255))
    twice = st.builds(lambda one, other: body[: max(one, other)] + body[min(one, other) :], places, places)
    return st.binary(max_size=64) | cut | changed | twice


def refused(step: Callable[[], Any], error: type[Exception]) -> Any:
    try:
        return step()
    except error:
        return None


@every
@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\xff\xfe", b"[" * 100_000, b"<a>" * 100_000, b"{}" * 10, b'{"a":1e99999999999999999999}', b"null"],
    ids=lambda body: f"{body[:12]!r}x{len(body)}",
)  # fmt: skip
def test_the_usual_nonsense_is_undecodable(specimen: Specimen, body: bytes) -> None:
    with pytest.raises(Undecodable) as caught:
        specimen.codec.request(Raw(body, specimen.request.media))
    assert caught.value.reason and str(caught.value)


@every
def test_a_call_decodes_once_and_fails_the_same_each_time(specimen: Specimen) -> None:
    good, bad = specimen.call(), specimen.call(Raw(b"\x00", specimen.request.media))
    assert good.payload is good.payload
    errors = []
    for _ in range(2):
        with pytest.raises(Undecodable) as caught:
            _ = bad.payload
        errors.append(caught.value)
    assert errors[0] is errors[1]


@every
@pytest.mark.parametrize(
    "outcome",
    [
        Values({"Result": object()}), Values({"Decision": {1, 2}}), Values({"Decision": float("nan")}),
        Values({"Result": b"bytes", "Decision": b"bytes"}), Refusal("No such fault", "", {"x": object()}),
    ],
    ids=["an object", "a set", "not a number", "bytes", "an unknown fault"],
)  # fmt: skip
def test_what_cannot_be_written_is_unencodable_and_nothing_else(specimen: Specimen, outcome: Values | Refusal) -> None:
    with pytest.raises(Unencodable):
        specimen.codec.encode(outcome, specimen.call())
