"""Liveness and readiness, bare ASGI: orchestrators ask often, and the data plane imports no framework."""

from collections.abc import Callable, Mapping, Sequence

from gateway.contract import ASGI, Message, Receive, Send


def health(missing: Callable[[], Sequence[str]]) -> Mapping[str, ASGI]:
    """`/livez`: this process runs. `/readyz`: it may be sent calls, else 503 with one line for each thing missing."""

    async def live(scope: Message, receive: Receive, send: Send) -> None:
        await _answer(send, 200, "alive")

    async def ready(scope: Message, receive: Receive, send: Send) -> None:
        lines = missing()
        await _answer(send, 503 if lines else 200, "\n".join(lines) or "ready")

    return {"/livez": live, "/readyz": ready}


async def _answer(send: Send, status: int, text: str) -> None:
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
