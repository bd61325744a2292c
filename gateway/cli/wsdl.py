"""`understudy wsdl`: what of a WSDL is served and what is passed through; messages as payloads and back."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway import registry
from gateway.cli import console
from gateway.contract import ConfigError


def wsdl(files: Sequence[Path], as_json: bool) -> int:
    """Prints what can be served of each file; 0 when all of it can, else 1."""
    reports = [{"file": str(path), **_explain().report(path)} for path in files]
    if as_json:
        found = [{key: value for key, value in one.items() if key != "repairs"} for one in reports]
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        for one in reports:
            _show(one)
    return 0 if all(_whole(one) for one in reports) else 1


def decode(path: Path, message: Path, operation: str | None) -> None:
    """Prints the payload of a request or a response as JSON. Raises ConfigError and Undecodable."""
    console.print_json(_explain().decode(path, _content(message), operation))


def encode(path: Path, payload: Path, operation: str | None, response: bool) -> None:
    """Prints the envelope of a payload. Raises ConfigError and Unencodable."""
    if operation is None:
        raise ConfigError("--encode needs --operation NAME")
    try:
        fields = json.loads(_content(payload))
    except ValueError as error:
        raise ConfigError(f"{payload} is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ConfigError(f"{payload} must hold a JSON object: the content of the Body's child")
    sys.stdout.write(_explain().encode(path, fields, operation, response).decode() + "\n")


def _explain() -> Any:
    return registry.adapter("soap").Explain


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error


def _whole(report: Mapping[str, Any]) -> bool:
    return bool(report["loads"]) and all(one["served"] for one in report["operations"])


def _show(report: Mapping[str, Any]) -> None:
    if not report["loads"]:
        return console.line(f"{report['file']}: {report['error']}", style="red")
    columns = ["service", "port", "operation", "style", "soap", "", "why"]
    rows = [
        (
            one["service"],
            one["port"],
            one["name"],
            one["style"],
            one["soap"],
            "served" if one["served"] else "passed through",
            one["reason"] or "",
        )
        for one in report["operations"]
    ]
    console.console().print(console.table(str(report["file"]), columns, rows))
    for repair in report["repairs"]:
        console.line(f"put right: {repair}", style="yellow")
