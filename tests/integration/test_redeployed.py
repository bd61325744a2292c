"""A model behind a URL is redeployed under another tag while the gateway runs: once it is accepted it may answer."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select

from gateway.store import tables
from gateway.store.engine import reading
from models.local import Constant
from tests.load import envelopes, until
from tests.served import served, warm_up


class Elsewhere(ThreadingHTTPServer):
    """A model server of its own, under a tag that may be changed at any time."""

    daemon_threads = True
    tag = "credit:1"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """What models/service.py offers, with the same prediction for everybody."""

    protocol_version = "HTTP/1.1"
    server: Elsewhere

    def do_POST(self) -> None:
        asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer: dict[str, object] = {"model": self.server.tag, "schema": Constant.schema}
        if self.path == "/predict":
            answer["predictions"] = Constant().predict(asked["records"])
        body = orjson.dumps(answer)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_another_tag_never_answers_until_it_is_accepted(tmp_path: Path, elsewhere: Elsewhere) -> None:
    """Given live, when another tag is served, then the incumbent answers until it is accepted; evidence names it."""
    body = envelopes()[0]
    model = {"type": "bentoml", "url": elsewhere.url}
    with served(tmp_path, model=model, accept="credit:1") as gateway:
        theirs = gateway.ask_legacy(body)
        gateway.edit(stage="live")
        until(lambda: gateway.post(body)[1] != theirs, "the accepted model to answer")
        elsewhere.tag = "credit:2"
        for _ in range(20):
            assert gateway.post(body) == (200, theirs)
        gateway.edit(accept="credit:2")
        until(lambda: gateway.post(body)[1] != theirs, "the new model to answer")
        gateway.edit(stage="shadow")
        elsewhere.tag = "credit:3"  # the worker, which asks no model in shadow, has to find out by itself
        warm_up(gateway)
        gateway.edit(stage="live", accept="credit:3")
        until(lambda: gateway.post(body)[1] != theirs, "the third model to answer")
        gateway.quiet()
        with reading(gateway.engine) as connection:
            models = connection.execute(select(tables.record.c.model).where(tables.record.c.verdict == "agree"))
            assert {"credit:1", "credit:3"} <= set(models.scalars())
