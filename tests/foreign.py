"""A model server that is not ours: Open Inference Protocol v2, MLflow and TensorFlow Serving at one address."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

Reply = dict[str, Any]


class Server(ThreadingHTTPServer):
    """A model server: bad in proportion to the amount; it cannot score a negative one, and then says 400."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, Mapping[str, str], Any]] = []
        self.change: Callable[[Reply], object] = lambda reply: reply


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self._send(404, {})

    def do_POST(self) -> None:
        asked = orjson.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, dict(self.headers), asked))
        amounts = _amounts(asked)
        if any(not isinstance(amount, int | float) or amount < 0 for amount in amounts):
            return self._send(400, {"error": "a stack trace that names a person"})
        self._send(200, self.server.change(_replies(asked, [amount / 2000 for amount in amounts])))

    def _send(self, status: int, answer: object) -> None:
        body = answer if isinstance(answer, bytes) else orjson.dumps(answer)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _amounts(asked: Reply) -> list[Any]:
    if "inputs" in asked:
        [amounts] = [one["data"] for one in asked["inputs"] if one["name"] == "amount"]
        return list(amounts)
    return [row.get("amount") for row in asked.get("instances") or asked["dataframe_records"]]


def _replies(asked: Reply, scores: list[float]) -> Reply:
    if "inputs" not in asked:
        return {"predictions": [{"probability_bad": score, "why": ["amount"]} for score in scores]}
    bad = {"name": "probability_bad", "shape": [len(scores), 1], "datatype": "FP64", "data": scores}
    why = {"name": "why", "shape": [len(scores), 1], "datatype": "BYTES", "data": ["amount"] * len(scores)}
    return {"model_name": "credit", "model_version": "7", "outputs": [bad, why]}


@contextmanager
def serving() -> Iterator[Server]:
    """A server that answers."""
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield one
        finally:
            one.shutdown()
            thread.join()
