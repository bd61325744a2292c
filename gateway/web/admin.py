"""The admin address: health, metrics and status for operators and monitoring. Reads only; it changes nothing."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from gateway.telemetry import exposition

Status = Callable[[], Mapping[str, Any]]


def admin(missing: Callable[[], Sequence[str]], status: Status, metrics: Path) -> FastAPI:
    """The admin application. `missing` names what keeps the observer from being ready, `status` is its own account."""
    app = FastAPI(title="Understudy", docs_url=None, redoc_url=None)

    @app.get("/livez", response_class=PlainTextResponse)
    async def live() -> str:
        return "alive\n"

    @app.get("/readyz")
    async def ready() -> PlainTextResponse:
        lines = missing()
        return PlainTextResponse("\n".join(lines or ["ready"]) + "\n", 503 if lines else 200)

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(exposition(metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/status")
    async def state() -> Mapping[str, Any]:
        return status()

    return app
