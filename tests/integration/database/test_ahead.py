"""While the model works on one batch the next is claimed; all are answered, also when the gateway is told to end."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.contract import Prediction, Row, RowError
from tests import models
from tests.inprocess import running
from tests.integration.database.configured import adapter, config, settings
from tests.integration.database.legacy_tables import Legacy


class Looking(models.ByAmount):
    """Before it answers its first batch, it waits until rows of another one are claimed."""

    legacy: Legacy
    seen = 0

    def predict(self, rows: Sequence[Row]) -> Sequence[Prediction | RowError]:
        deadline = time.monotonic() + 30
        while Looking.seen < 2 and time.monotonic() < deadline:
            tokens = {row["us_token"] for row in Looking.legacy.side()}
            Looking.seen = max(Looking.seen, len(tokens))
            time.sleep(0.01)
        return super().predict(rows)


def looking() -> Looking:
    """The factory."""
    return Looking("looking:1")


@pytest.mark.parametrize("legacy", ["postgresql", "mariadb"], indirect=True)
def test_the_next_batch_is_claimed_meanwhile(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        Looking.legacy, Looking.seen = legacy, 0
        legacy.claims(settings(legacy))
        legacy.apply(range(1, 176), amount=10)
        text = config(adapter(legacy), model="looking").replace("tests.models:", f"{__name__}:")
        async with running(text, tmp_path) as gateway:
            await gateway.until(lambda: legacy.states() == {"DONE": 175})
        assert Looking.seen == 2, "never more than two"

    asyncio.run(case())
    assert legacy.side() == []


@pytest.mark.parametrize("legacy", ["sqlite", "postgresql", "mariadb"], indirect=True)
def test_who_is_told_to_end_leaves_no_batch_half_done(legacy: Legacy, tmp_path: Path) -> None:
    async def case() -> None:
        legacy.claims(settings(legacy, size=10))
        legacy.apply(range(1, 2001), amount=10)
        async with running(config(adapter(legacy, size=10)), tmp_path) as gateway:
            await gateway.until(lambda: legacy.states().get("DONE"))

    asyncio.run(case())
    states = legacy.states()
    print(f"at the end: {states}")
    assert legacy.side() == [] and states["DONE"] + states.get("NEW", 0) == 2000
