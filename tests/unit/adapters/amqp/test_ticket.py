"""A ticket comes back as it was written, or is none of ours."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from adapters.amqp.ticket import MOST, Elsewhere, Ticket, Tickets, shortened

TICKETS = Tickets(b"secret", "loans")
DIRECT = b"amq.rabbitmq.reply-to.g1hkABByYWJiaXRAaG9zdC5leGFtcGxlLmNvbQAAA1sAAAAAZ0Y=.7cYk0Q2jXl3Q2y8d0n3w=="


@given(st.binary(max_size=255), st.binary(max_size=255))
def test_whatever_callers_use_as_names_comes_back(reply_to: bytes, correlation: bytes) -> None:
    ticket = Ticket("0a1b2c3d", "4e5f6071", shortened("Score"), reply_to, correlation)
    assert TICKETS.read(TICKETS.written(ticket)) == ticket


def test_a_direct_reply_address_and_a_uuid_fit() -> None:
    ticket = Ticket("0a1b2c3d", "4e5f6071", shortened("Score"), DIRECT, b"123e4567-e89b-12d3-a456-426614174000")
    assert len(TICKETS.written(ticket)) <= MOST


def test_what_is_kept_elsewhere_is_found_by_its_name() -> None:
    assert TICKETS.read(TICKETS.elsewhere(b"\x00\xff" * 8)) == Elsewhere(b"\x00\xff" * 8)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_one_changed_byte_makes_it_none_of_ours(at: int, by: int) -> None:
    written = bytearray(TICKETS.written(Ticket("0a1b2c3d", "4e5f6071", "abcdef", b"reply.1", b"c1")))
    at %= len(written)
    if at == 19:
        return  # the point after the signature says nothing
    written[at] = (written[at] + by) % 256
    assert TICKETS.read(bytes(written)) is None


@pytest.mark.parametrize("other", [Tickets(b"other", "loans"), Tickets(b"secret", "rates")])
def test_another_secret_or_adapter_does_not_know_it(other: Tickets) -> None:
    assert other.read(TICKETS.written(Ticket("a", "b", "c"))) is None


@given(st.binary(max_size=300))
def test_what_others_use_as_correlation_ids_is_none_of_ours(correlation: bytes) -> None:
    assert TICKETS.read(correlation) is None
