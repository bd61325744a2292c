"""`understudy init`: a folder that passes a service through, or only reads a table, to begin with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway import registry
from gateway.cli import console
from gateway.contract import ConfigError


def soap(wsdl: str, endpoint: str, folder: Path, operation: str | None) -> None:
    """Writes the files of a SOAP service, and nothing where one of them is there already. Raises ConfigError."""
    _write(folder, registry.adapter("soap").start(wsdl, endpoint, operation))


def database(url: str, table: str, key: Sequence[str], folder: Path) -> None:
    """Writes the files of a legacy table. Raises ConfigError, or UnderstudyError where the database does not answer."""
    _write(folder, registry.adapter("database").start(url, table, key))
    console.line("the password is in neither file: put the URL into the environment as UNDERSTUDY_LEGACY_DB")
    console.line(f"read {folder / 'claims.sql'}: it is for whoever may make tables there, before the candidate answers")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    if there := [name for name in files if (folder / name).exists()]:
        raise ConfigError(f"{folder} has {', '.join(there)} already; nothing was written: name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}") from error
    for name in files:
        console.line(f"wrote {folder / name}")
    console.line(f"next: understudy check --config {folder / 'understudy.yaml'}")
