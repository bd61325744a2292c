"""PostgreSQL's LISTEN: a trigger of the legacy table tells that there is work. Opt-in: each insert pays for it."""

import asyncio
import threading
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine

PAUSE = 1.0
"""Seconds between two attempts to connect, and between two looks at whether to stop."""


async def listening(engine: Engine, channel: str | None, arrived: asyncio.Event, stop: asyncio.Event) -> None:
    """Sets `arrived` whenever the channel is notified, until `stop`; connects again for as long as it takes.

    Polling goes on beside it, so a lost notification costs a moment and never a row."""
    if channel is None:
        return
    loop, ending = asyncio.get_running_loop(), threading.Event()

    def notify() -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(arrived.set)

    thread = threading.Thread(target=_listen, args=(engine, channel, notify, ending), daemon=True)
    thread.start()
    try:
        await stop.wait()
    finally:
        ending.set()


def _listen(engine: Engine, channel: str, notify: Any, ending: threading.Event) -> None:
    import psycopg
    from psycopg import sql

    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while not ending.is_set():
        try:
            with psycopg.connect(url, autocommit=True, application_name="understudy listen") as connection:
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                notify()
                while not ending.is_set():
                    for _ in connection.notifies(timeout=PAUSE, stop_after=1):
                        notify()
        except psycopg.Error:
            ending.wait(PAUSE)
