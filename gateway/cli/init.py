"""`understudy init`: a folder that passes every operation of a service through, to begin with."""

from pathlib import Path

from gateway import registry
from gateway.cli import console
from gateway.contract import ConfigError


def init(wsdl: str, endpoint: str, folder: Path, operation: str | None) -> None:
    """Writes the files, and nothing where one of them is there already. Raises ConfigError."""
    files = registry.adapter("soap").start(wsdl, endpoint, operation)
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
