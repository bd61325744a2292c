"""A gateway notes in the audit chain what it takes up, once, and logs every head."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway import auditing
from gateway.auditing import Auditing
from gateway.config import parse
from gateway.store.audit import Event, entries, head, record
from gateway.store.engine import connect
from gateway.store.migrate import migrate
from tests.integration.test_stages import config
from tests.parts import until


def test_a_configuration_is_noted_with_its_digest_and_stages_whenever_another_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [config("shadow"), config("canary", percent=25)]
    first, second = (parse(text, tmp_path / "understudy.yaml", {}) for text in texts)
    migrate(first.config.store, tmp_path)
    engine = connect(first.config.store, tmp_path)
    monkeypatch.setattr(auditing, "LOOK", 0.01)

    async def case() -> None:
        one = Auditing(engine, first)
        running = asyncio.create_task(one.run())
        await until(lambda: len(entries(engine)) == 1)
        one.loaded = second
        await until(lambda: len(entries(engine)) == 2)
        outside = record(engine, Event("ada", "hold", "loan"))
        await until(lambda: any(line.get("head") == outside for line in logged))
        running.cancel()
        again = asyncio.create_task(Auditing(engine, second).run())
        await until(lambda: [line.get("head") for line in logged].count(outside) == 2)
        again.cancel()
        await asyncio.gather(running, again, return_exceptions=True)

    with capture_logs() as logged:
        asyncio.run(case())
    assert head(engine).startswith("3:")
    _, later, earlier = entries(engine)
    assert (earlier.event.before, earlier.event.after, later.event.before) == ("", first.version, first.version)
    assert later.event.details["sha256"] == hashlib.sha256(texts[1].encode()).hexdigest()
    assert "canary 25 %" in later.event.details["stages"]
