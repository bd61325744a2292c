"""An adapter that keeps dead letters and has something to take out: both in files of its folder."""

import json
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from adapters.memory import Memory, MemorySettings
from gateway.capabilities import About, DeadLetter, Erased
from gateway.contract import Unfinished


class Leaving(Memory):
    """`ours` is what it put into the legacy system, `busy` keeps it from leaving, `dead` has ids and reasons."""

    Settings: ClassVar[type[MemorySettings]] = MemorySettings
    nameless = True

    def __init__(self, name: str, settings: MemorySettings, folder: Path) -> None:
        super().__init__(name, settings, folder)
        self._folder = folder

    async def leave(self, patience: float) -> Sequence[str]:
        """Removes `ours`."""
        if (self._folder / "busy").exists():
            raise Unfinished(f"another gateway uses it; waited {patience:g} s")
        if not (self._folder / "ours").exists():
            return []
        (self._folder / "ours").unlink()
        return ["ours was removed"]

    def _letter(self, id: str, why: str) -> DeadLetter:
        since = datetime(2004, 5, 3, 12, tzinfo=UTC)
        return DeadLetter(id, "Score", why, since, {"type": "loan\x1b[2J"}, b"\xff secret")

    async def dead(self, limit: int) -> tuple[int, Sequence[DeadLetter]]:
        """From the file."""
        found: dict[str, str] = json.loads((self._folder / "dead").read_text())
        return len(found), [self._letter(id, why) for id, why in found.items()][:limit]

    async def erase(self, about: About) -> Erased:
        """Those whose reason is a key."""
        found: dict[str, str] = json.loads((self._folder / "dead").read_text())
        counts = {id: about("Score", {"Id": why, "Amount": 1}) for id, why in found.items()}
        left = {id: why for id, why in found.items() if counts[id] != (1, 1)}
        (self._folder / "dead").write_text(json.dumps(left))
        gone = [self._letter(id, why) for id, why in found.items() if id not in left]
        return Erased([f"{len(gone)} dead letters"], ["a broken one"], gone)

    async def resubmit(self, ids: Collection[str] | None) -> AsyncIterator[DeadLetter]:
        """Removes them from the file."""
        found: dict[str, str] = json.loads((self._folder / "dead").read_text())
        done = [id for id in found if ids is None or id in ids]
        for one in (await self.dead(len(found)))[1]:
            if one.id in done:
                yield one
        (self._folder / "dead").write_text(json.dumps({id: why for id, why in found.items() if id not in done}))
        if missing := set(ids or ()) - set(done):
            raise Unfinished(f"no dead letter is called {', '.join(missing)}; {len(done)} others were put back")
