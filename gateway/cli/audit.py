"""`understudy audit`: who changed what and why, and whether the chain of it is whole."""

from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Engine

from gateway.cli import console
from gateway.cli.standing import opened
from gateway.cli.who import who
from gateway.store import audit as chain
from gateway.store.audit import Event


def audit(path: Path, limit: int, as_json: bool) -> None:
    """Prints the latest entries and the head. Raises ConfigError, StoreDown."""
    _, engine = opened(path)
    found, head = chain.entries(engine, limit=limit), chain.head(engine)
    engine.dispose()
    if as_json:
        told = [{"number": one.number, "at": one.at, **asdict(one.event), "hash": one.hash} for one in found]
        console.print_json({"shape": 1, "head": head, "entries": told})
        return
    columns = ["", "when (UTC)", "who", "what", "of", "from", "to", "why"]
    rows = [
        (one.number, f"{one.at:%Y-%m-%d %H:%M:%S}", one.event.who, one.event.action, one.event.scope,
         one.event.before, one.event.after, one.event.reason)
        for one in found
    ]  # fmt: skip
    console.console().print(console.table("Audit, the latest first", columns, rows))
    console.line(f"head {head}")


def verify(path: Path, head: str) -> int:
    """Prints what a look at the whole chain found; 0 where it is whole, else 1. Raises ConfigError, StoreDown."""
    _, engine = opened(path)
    found = chain.verify(engine, head)
    engine.dispose()
    for problem in found.problems:
        console.warn(problem)
    whole = "the chain is whole" if not found.problems else "the chain is not whole"
    console.line(f"{whole}: {found.entries} entries, head {found.head}")
    if not found.problems and not head:
        console.line("whether its end was cut off shows only against a head kept elsewhere: --head NUMBER:HASH")
    return 1 if found.problems else 0


def noted(engine: Engine, action: str, scope: str, before: str, after: str, reason: str, **details: str) -> None:
    """Appends what this user has just done, and tells the new head. Raises StoreDown."""
    head = chain.record(engine, Event(who(), action, scope, before, after, reason, details))
    console.line(f"audit head {head}")
