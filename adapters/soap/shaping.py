"""The settings of the wire shape: what recorded responses teach, and how declared faults go out."""

from typing import Any

from pydantic import Field

from gateway.settings import Settings


class DeclaredFault(Settings):
    """How one declared fault goes out; what is not stated is as in its sample, else a Server fault."""

    code: str | None = Field(None, pattern=r"^(Client|Server)(\.[A-Za-z_][\w-]*)*$")
    """`Client` or `Server` (Sender and Receiver in SOAP 1.2), with subcodes behind dots."""
    actor: str | None = None
    """faultactor, or Role in SOAP 1.2."""
    status: int | None = Field(None, ge=200, le=599)


Mirrored = dict[str, list[str]]
"""Files with recorded responses by operation; "" for all."""


def mirrored(value: Any) -> Any:
    """`mirror: FILE`, a list of them, or either by operation, written out."""
    if isinstance(value, str):
        return {"": [value]}
    if isinstance(value, list):
        return {"": value}
    if isinstance(value, dict):
        return {name: [files] if isinstance(files, str) else files for name, files in value.items()}
    return value
