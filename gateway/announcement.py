"""What a gateway says of itself in its run-time folder, so that `understudy status` finds it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import structlog

log = structlog.get_logger()

NAME = "gateway.json"


class Announcement:
    """The file `gateway.json`: as new as what was told last, never half written."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first written to."""
        self._path = folder / NAME
        self._told: Mapping[str, Any] = {}
        self._written = False

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Writes the facts if they are not written yet. Nobody's call depends on them: a full disk is logged once."""
        if self._written and facts == self._told:
            return
        known, self._told = facts == self._told, facts
        try:
            self._write(facts)
        except OSError as error:
            if not known:
                log.error("not_announced", file=str(self._path), reason=str(error))

    def _write(self, facts: Mapping[str, Any]) -> None:
        self._written = False
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".json.new")
        draft.write_bytes(orjson.dumps(facts))
        draft.replace(self._path)
        self._written = True

    def withdraw(self) -> None:
        """Removes the file: the gateway has ended."""
        self._path.unlink(missing_ok=True)
