"""What an operator may ask of an adapter beside serving calls: an adapter has those of these that fit its protocol."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from gateway.contract import Call, Payload, Relayed


@runtime_checkable
class Leaves(Protocol):
    """An adapter that can be taken out again: it put something of ours into the legacy system."""

    async def leave(self, patience: float) -> Sequence[str]:
        """Hands back what it still holds of legacy's, removes all that the adapter ever put there, and looks whether
        it is gone. What was done, one sentence each; nothing to do is no error, so it can be run again.

        It is called while no gateway of this configuration runs here, and outside of `Source.run`. It waits at most
        `patience` seconds for what is under way in the legacy system. Raises Unfinished, with nothing lost: another
        gateway is still using what would be removed, or something has not come to its end."""


@dataclass(slots=True, frozen=True)
class DeadLetter:
    """A message that nobody could answer, as the adapter keeps it."""

    id: str
    """Names it among the adapter's dead letters."""
    operation: str
    reason: str
    since: datetime | None
    """None where nothing tells."""
    properties: Mapping[str, str]
    """The protocol's own metadata as they came, as text."""
    body: bytes

    @property
    def kind(self) -> str:
        """The reason to count by."""
        return kind(self.reason)


def kind(reason: str) -> str:
    """What a reason says without values: what stands before its first colon."""
    return reason.partition(":")[0][:100]


@runtime_checkable
class Buries(Protocol):
    """An adapter that keeps what nobody can answer, until an operator has it tried again."""

    nameless: bool
    """Whether ids of its dead letters can name nobody. Only then is there a ledger of them, and are they audited."""

    async def dead(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """How many dead letters there are, and the oldest `limit` of them. Changes nothing. Raises Unfinished."""

    def resubmit(self, ids: Collection[str] | None) -> AsyncIterator[DeadLetter]:
        """Puts these dead letters, or all, back to where they first came from, unchanged; each is removed only when
        that is confirmed, so a crash may repeat one and loses none. Those put back, each as soon as it is; what it
        was may be left out of its body.

        Raises Unfinished at the end where one could not be put back or an id is not there."""


About = Callable[[str, Payload], tuple[int, int]]
"""Of a message of an operation: how many of its records are about the person, and how many there are."""


@dataclass(slots=True, frozen=True)
class Erased:
    """What an adapter has removed of a person, and what of its own it left or could not look into, a sentence each.
    No sentence names the person."""

    removed: Sequence[str]
    left: Sequence[str] = ()
    letters: Sequence[DeadLetter] = ()
    """The dead letters among what was removed, where their ids name nobody; their bodies may be left out."""


@runtime_checkable
class Erases(Protocol):
    """An adapter that keeps something of the people in its messages: dead letters, side tables."""

    async def erase(self, about: About) -> Erased:
        """Removes what the adapter itself keeps of one person. A message that has records of others too is left, and
        said. Nothing to do is no error, so it can be run again. Raises Unfinished."""


@dataclass(slots=True, frozen=True)
class Past:
    """A call of long ago with what the incumbent answered; `received` of the call is its business time, if known."""

    call: Call
    answer: Relayed
    place: str
    """Where to go on behind it."""


@runtime_checkable
class Remembers(Protocol):
    """An adapter whose legacy system keeps calls with their answers, so that a candidate can be tried on them."""

    async def past(self, operation: str, where: Sequence[str], after: str, limit: int) -> Sequence[Past]:
        """The next calls behind a place ("" for the first), in an order that stays; none when there are no more.

        `where` is conditions such as `BRANCH=N1`, `AMOUNT>100`. Reads only. Raises ConfigError, UnderstudyError."""

    async def past_count(self, operation: str, where: Sequence[str]) -> int:
        """How many there are in all. Raises ConfigError, UnderstudyError."""
