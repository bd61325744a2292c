"""Whether the incumbent can be reached, and wants its callers to log in by a way that can be relayed."""

import asyncio
from collections.abc import Sequence

from adapters.soap.relay import HttpRequest, Relay, Rest
from gateway.contract import IncumbentFailed

PATIENCE = 2.0
"""Seconds for its answer to a GET."""

_BOUND = (b"ntlm", b"negotiate")


async def problems(relay: Relay) -> Sequence[str]:
    """What is wrong, a sentence each that begins with the setting; none when all is well."""
    if problem := await relay.probe():
        return [f"url: {problem}"]
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await relay.stream(HttpRequest(b"", method=b"GET", query=b"wsdl"), None, 0)
    except (IncumbentFailed, TimeoutError):
        return []  # who answers POST only is no worse for it
    if isinstance(answer.rest, Rest):
        answer.rest.close()
    offered = [value.strip().lower() for name, value in answer.headers if name.lower() == b"www-authenticate"]
    if answer.status != 401 or not offered:
        return []
    if relay.replaces_credentials:
        return ["credentials: the incumbent refuses them (401)"]
    schemes = [value.split(b" ")[0] for one in offered for value in one.split(b",")]
    if all(scheme in _BOUND for scheme in schemes):
        return [
            "url: the incumbent takes NTLM or Negotiate only, which authenticates a connection and cannot be relayed. "
            "Have it take Basic from this gateway as well and state credentials: {basic: ...}, or leave its callers "
            "on its own address"
        ]
    return []
