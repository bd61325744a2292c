"""In which order deliveries are acknowledged: as few frames as possible, and never one that is not done."""

from collections import OrderedDict
from collections.abc import Sequence


class Unacknowledged:
    """The deliveries of one channel, by their tags, which grow."""

    def __init__(self) -> None:
        self._done: OrderedDict[int, bool] = OrderedDict()
        self._ready: list[int] = []

    def __contains__(self, tag: int) -> bool:
        """Whether it is neither done nor rejected."""
        return not self._done.get(tag, True)

    @property
    def ready(self) -> int:
        """How many are done and not acknowledged yet."""
        return len(self._ready)

    def delivered(self, tag: int) -> None:
        """A delivery came."""
        self._done[tag] = False

    def done(self, tag: int) -> bool:
        """It may be acknowledged; False where that was said before."""
        if self._done.get(tag, True):
            return False
        self._done[tag] = True
        self._ready.append(tag)
        return True

    def rejected(self, tag: int) -> bool:
        """It was refused by itself; False where it is not there."""
        return self._done.pop(tag, None) is not None

    def flush(self) -> Sequence[tuple[int, bool]]:
        """What to acknowledge now: (tag, multiple). All that is done from the oldest on goes with one frame; what is
        done beyond a gap goes one by one, so that a slow one keeps no other unacknowledged."""
        prefix = 0
        while self._done:
            tag = next(iter(self._done))
            if not self._done[tag]:
                break
            del self._done[tag]
            prefix = tag
        frames = [(prefix, True)] if prefix else []
        for tag in self._ready:
            if self._done.pop(tag, False):
                frames.append((tag, False))
        self._ready.clear()
        return frames
