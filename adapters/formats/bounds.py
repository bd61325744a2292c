"""What every message must keep to, whatever its format."""

from typing import Any

from gateway.contract import Undecodable

DEPTH = 64
"""Groups and lists inside of each other."""


def refuse_large(body: bytes, limit: int) -> None:
    """Raises Undecodable for a body of more than `limit` bytes."""
    if len(body) > limit:
        raise Undecodable(f"The message has {len(body)} bytes, {limit} are decoded at most.", "too_large")


def rooted(found: Any, many: bool) -> dict[str, Any]:
    """The payload of what was read: the group itself, or a list of groups as records. Raises Undecodable."""
    if not many:
        if not isinstance(found, dict):
            raise Undecodable("The message is not one group of fields.")
        return found
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Undecodable("The message is not a list of groups of fields.")
    return {"records": found}
