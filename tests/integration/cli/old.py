"""The old system of the tests' configuration."""


async def answer(body: bytes) -> bytes:
    """Approves everything."""
    return b'{"Decision": "approve"}'
