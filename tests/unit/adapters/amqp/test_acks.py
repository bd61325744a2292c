"""Every delivery that is done is acknowledged once, no other ever, and as few frames as can be."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import hypothesis.strategies as st
import pika
from hypothesis import given

from adapters.amqp.acks import Unacknowledged
from adapters.amqp.channel import Channel
from adapters.amqp.consumer import LINGER, SHARE, Delivery, Subscription


def test_what_is_done_from_the_oldest_on_goes_with_one_frame_and_a_gap_holds_up_nobody() -> None:
    tags = Unacknowledged()
    for tag in range(1, 9):
        tags.delivered(tag)
    for tag in (1, 2, 3, 5, 8):
        assert tags.done(tag)
    assert tags.flush() == [(3, True), (5, False), (8, False)]
    assert tags.flush() == []
    assert tags.done(4)
    assert not tags.done(5), "it has been said before"
    assert tags.flush() == [(4, True)]
    assert tags.rejected(6) and not tags.rejected(6)
    assert 7 in tags and 6 not in tags and 8 not in tags
    assert tags.done(7)
    assert tags.flush() == [(7, True)]


@given(st.lists(st.tuples(st.sampled_from(["deliver", "done", "reject", "flush"]), st.integers(1, 30)), max_size=200))
def test_a_broker_that_follows_the_frames_agrees(steps: list[tuple[str, int]]) -> None:
    """A model of the broker: multiple acknowledges all that is unacknowledged up to a tag."""
    tags, held, done, last = Unacknowledged(), set[int](), set[int](), 0

    def flush() -> None:
        for tag, multiple in tags.flush():
            acknowledged = {one for one in held if one <= tag} if multiple else {tag}
            assert acknowledged and acknowledged <= done, "only what is done, and each once"
            held.difference_update(acknowledged)
            done.difference_update(acknowledged)

    for step, tag in steps:
        if step == "deliver":
            last += 1
            tags.delivered(last)
            held.add(last)
        elif step == "done":
            assert tags.done(tag) == (tag in held and tag not in done)
            done |= {tag} & held
        elif step == "reject" and tag in held and tag not in done:
            assert tags.rejected(tag)
            held.discard(tag)
        else:
            flush()
    flush()
    assert not done, "nothing that is done is left unacknowledged"


class Raw:
    """What a subscription uses of pika's channel."""

    is_open = True

    def __init__(self) -> None:
        self.acknowledged: list[tuple[int, bool]] = []

    def add_on_close_callback(self, callback: Callable[..., None]) -> None:
        pass

    def add_on_cancel_callback(self, callback: Callable[..., None]) -> None:
        pass

    def basic_ack(self, tag: int, multiple: bool) -> None:
        self.acknowledged.append((tag, multiple))


def test_acknowledgements_are_gathered_for_a_moment_but_not_for_more_than_their_share_of_the_prefetch() -> None:
    async def main() -> None:
        raw, came = Raw(), list[Delivery]()
        subscription = Subscription(Channel(raw), 3 * SHARE, came.append, lambda then: then())
        for tag in range(1, 8):
            method = SimpleNamespace(delivery_tag=tag, exchange="", routing_key="", redelivered=False)
            subscription.delivered(None, method, pika.BasicProperties(), b"")
        for one in came[:2]:
            one.acknowledge()
            await asyncio.sleep(0)
        assert raw.acknowledged == []
        await asyncio.sleep(LINGER)
        assert raw.acknowledged == [(2, True)]
        for one in came[2:6]:
            one.acknowledge()
        assert raw.acknowledged == [(2, True)]
        await asyncio.sleep(0)
        assert raw.acknowledged == [(2, True), (6, True)], "three are not waited for, and what comes with them goes too"
        came[6].acknowledge()
        await asyncio.sleep(LINGER)
        assert raw.acknowledged == [(2, True), (6, True), (7, True)]
        await asyncio.sleep(2 * LINGER)
        assert len(raw.acknowledged) == 3

    asyncio.run(main())
