"""What `understudy init --db` writes for a table: a configuration that only reads, and the statements for later."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Column, Dialect, types

from adapters.database import ddl
from adapters.database.config import DatabaseSettings
from adapters.database.engine import connect
from adapters.database.layout import Layout, reflect
from gateway.contract import ConfigError
from gateway.settings import refusals

VARIABLE = "UNDERSTUDY_LEGACY_DB"
"""The environment variable that the configuration takes the URL from."""
_WORDS = ("null", "true", "false", "yes", "no", "on", "off")
_STATUS = re.compile(r"status|state|stat|zustand|etat", re.IGNORECASE)
_KINDS: Sequence[tuple[type[types.TypeEngine[Any]], str]] = (
    (types.Boolean, "boolean"), (types.Integer, "integer"), (types.Float, "float"), (types.Numeric, "decimal"),
    (types.DateTime, "datetime"), (types.Date, "date"), (types.Time, "time"),
)  # fmt: skip


def started(url: str, table: str, key: Sequence[str]) -> Mapping[str, bytes]:
    """The files of a new configuration's folder by name. Connects and reads the catalogue, nothing else.

    Raises ConfigError, DatabaseDown."""
    find = {"status": {"column": "?", "new": ["NEW"], "done": ["DONE"]}}
    try:
        settings = DatabaseSettings.model_validate(
            {"url": url, "tables": {"Score": {"table": table, "key": list(key), "find": find}}}
        )
    except ValidationError as error:
        raise ConfigError(*(f"--db, --table or --key: {refusal}" for refusal in refusals(error))) from None
    engine = connect("legacy", settings, Path())
    try:
        guessed = settings.tables["Score"]
        bare = guessed.model_copy(update={"find": guessed.find.model_copy(update={"status": None})})
        layout = reflect("--table", bare, engine, None, typed=True)
        values = {
            "TABLE": _yaml(table), "KEY": ", ".join(_yaml(one.name) for one in layout.key), "VARIABLE": VARIABLE,
            "STATUS": _yaml(_status(layout)), "KEYFIELD": _word(layout.key[0].name),
            "FIELDS": "\n".join(_fields(layout)), "REQUEST": "\n".join(_request(layout)),
        }  # fmt: skip
        statements = _statements(layout, engine.dialect, engine.url.username or "")
    finally:
        engine.dispose()
    return {"understudy.yaml": _filled(values).encode(), "claims.sql": statements.encode()}


def _filled(values: Mapping[str, str]) -> str:
    text = (files("adapters.database") / "templates" / "understudy.yaml.template").read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _status(layout: Layout) -> str:
    """The column that looks most like a status."""
    named = [one.name for one in layout.source.c if _STATUS.search(one.name)]
    return named[0] if named else layout.columns[-1].name


def _yaml(name: str) -> str:
    """A name as YAML takes it for a text."""
    return name if re.fullmatch(r"[A-Za-z_][\w.]*", name) and name.lower() not in _WORDS else json.dumps(name)


def _word(name: str) -> str:
    """A column's name as a canonical field."""
    word = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:48]
    return word if word[:1].isalpha() else f"f_{word}"[:48]


def _fields(layout: Layout) -> Iterator[str]:
    for one in layout.columns:
        optional = bool(one.nullable) and one not in layout.key
        trim = ", trim: true" if isinstance(one.type, types.CHAR) else ""
        kind = "text" if one is layout.key[0] and _kind(one) == "decimal" else _kind(one)
        yield f"      {_word(one.name)}: {{type: {kind}{trim}{', optional: true' if optional else ''}}}"


def _kind(column: Column[Any]) -> str:
    return next((word for kind, word in _KINDS if isinstance(column.type, kind)), "text")


def _request(layout: Layout) -> Iterator[str]:
    for one in layout.columns:
        yield f"          {_word(one.name)}: {_yaml(one.name)}"


def _statements(layout: Layout, dialect: Dialect, user: str) -> str:
    parts = [
        ("-- Needed before the candidate answers: the side table that holds our claims. Nothing else is altered.",
         ddl.side(layout, dialect, user)),
        ("-- Only for `batch: {coexists: view}`: what the old batch reads from instead of the table.",
         [ddl.view(layout, dialect)]),
    ]  # fmt: skip
    if layout.dialect == "postgresql":
        about = "-- Only for `poll: {listen: understudy}`: answers come sooner, and inserts cost about a third more."
        parts.append((about, ddl.notify(layout, dialect, "understudy")))
    status = layout.source.c[_status(layout)].name
    order = ", ".join(dialect.identifier_preparer.quote(name) for name in (status, *(one.name for one in layout.key)))
    index = f"CREATE INDEX understudy_waiting ON {dialect.identifier_preparer.format_table(layout.source)} ({order})"
    parts.append(("-- If there is no index that begins with the status: looking for work reads it.", [index]))
    needed, *optional = parts
    text = needed[0] + "\n" + "".join(f"{one};\n" for one in needed[1])
    for about, statements in optional:
        lines = "\n".join(f"{one};" for one in statements).splitlines()
        text += f"\n{about}\n" + "".join(f"-- {line}\n" for line in lines)
    return text
