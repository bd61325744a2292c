"""The bank's own loan scoring service as it stood in 2004: SOAP by string templates, scored by the points table.

    python -m gateway.examples.credit.legacy --port 9001 [--host 127.0.0.1] [--delay SECONDS] [--fail]

Standard library only (uvloop where it is installed); it shares nothing with the gateway. Equal requests get equal
bytes. Like its time it reads local names wherever they stand, ignores SOAPAction, answers every fault with 500,
refuses chunked requests, and hands out a session that it never reads. `GET /counts` says how often each operation was
called.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib.resources import files
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from gateway.examples.credit import envelope
from gateway.examples.credit.envelope import MEDIA, SOAP11, Malformed, child, fields, local, wrap
from gateway.examples.credit.listener import Connection, Request, Response, page
from gateway.examples.credit.scorecard import InvalidApplication, judge
from gateway.examples.credit.tariff import tariff

RELEASE = "LoanScoring 2004-05 build 117"
PLACEHOLDER = "http://loans.bank.example:8080/loans"
DOCUMENTS = ("loans.wsdl", "loans.xsd", "codes.xsd")


class LoanScoring:
    """The service behind the address; `counts` has each operation's calls, `fault` and `html` among them."""

    def __init__(self, *, fail: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._fail = fail
        self._documents = {name: files(__package__).joinpath(name).read_text("utf-8") for name in DOCUMENTS}
        self._operations: dict[str, Callable[[Element], str]] = {
            "ScoreLoan": score_loan, "ScoreBatch": score_batch, "GetTariff": get_tariff, "Probe": ping,
        }  # fmt: skip

    def __call__(self, request: Request) -> Response:
        """The response to any request."""
        path, _, query = request.target.partition("?")
        if path == "/counts":
            return Response(json.dumps(self.counts, sort_keys=True).encode(), "application/json")
        if path != "/loans":
            return Response(page("Not Found"), status=404)
        if request.method == "POST":
            return self._post(request)
        if request.method in ("GET", "HEAD"):
            return self._document(query, request.headers.get("host", ""))
        return Response(page("Method Not Allowed"), status=405, headers={"Allow": "GET, HEAD, POST"})

    def _document(self, query: str, host: str) -> Response:
        wanted = query.lower()
        name = "loans.wsdl" if wanted in ("wsdl", "wsdl=1") else wanted.removeprefix("xsd=")
        if name not in self._documents:
            return Response(page("LoanScoring: POST a SOAP request, or GET ?wsdl"))
        address = escape(f"http://{host}/loans", {'"': "&quot;"})
        text = self._documents[name].replace(PLACEHOLDER, address)
        text = text.replace('schemaLocation="', f'schemaLocation="{address}?xsd=')
        return Response(text.encode(), MEDIA[SOAP11])

    def _post(self, request: Request) -> Response:
        if self._fail:
            self.counts["html"] += 1
            return Response(page("Internal Server Error"), status=500)
        soap, status = SOAP11, 500
        try:
            soap, message = envelope.body(request.body)
            content = self._answer(message)
            status = 200
        except InvalidApplication as error:
            content = envelope.fault(soap, str(error), envelope.invalid(soap, error))
        except Malformed as error:
            content = envelope.fault(soap, str(error))
        self.counts["fault"] += status != 200
        return Response(envelope.envelope(soap, content), MEDIA[soap], status, session(request.headers))

    def _answer(self, message: Element) -> str:
        name = local(message.tag)
        operation = self._operations.get(name)
        if operation is None:
            raise Malformed(f"no such operation: {name[:80]}")
        self.counts["Ping" if name == "Probe" else name] += 1
        return operation(message)


def session(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of every answer, with a new session for a caller who brings none."""
    powered = {"X-Powered-By": "Servlet/2.4"}
    if "JSESSIONID=" in headers.get("cookie", ""):
        return powered
    return powered | {"Set-Cookie": f"JSESSIONID={os.urandom(16).hex().upper()}; Path=/loans"}


def score_loan(message: Element) -> str:
    """Scores one application."""
    return wrap("ScoreLoanResponse", envelope.result(judge(fields(child(message, "Application")))))


def score_batch(message: Element) -> str:
    """Scores many applications; one that is invalid refuses them all."""
    applications = child(message, "Applications")
    batch_id = (child(message, "BatchId").text or "").strip()
    return envelope.batch(batch_id, [judge(fields(application)) for application in applications])


def get_tariff(message: Element) -> str:
    """Looks the rates up."""
    amount = child(message, "Amount")
    months = number(child(message, "DurationMonths"))
    return envelope.rates(tariff(int(months), number(amount), amount.get("Currency", "DEM")))


def number(element: Element) -> Decimal:
    """The element's number, not negative. Raises InvalidApplication."""
    text = (element.text or "").strip()
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
        raise InvalidApplication(local(element.tag), "E03", f"not a number: {text[:20]}")
    return Decimal(text)


def ping(message: Element) -> str:
    """Echoes the text."""
    text = escape(fields(message).get("Text", ""))
    return wrap("ProbeReply", f"   <ns1:Text>{text}</ns1:Text>\n   <ns1:Release>{RELEASE}</ns1:Release>")


async def serve(host: str, port: int, service: LoanScoring, delay: float) -> None:
    """Serves until SIGTERM or SIGINT, then drops what is open; says where it listens on standard output."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    server = await loop.create_server(lambda: Connection(service, delay), host, port, backlog=1024)
    bound = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"listening http://{host}:{bound}/loans\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's event loop where it is installed, else the standard one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="The bank's own loan scoring service of 2004, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes a free one")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--fail", action="store_true", help="answer every POST with an HTML page and 500")
    return parser.parse_args()


def main() -> None:
    """Runs the service."""
    given = arguments()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve(given.host, given.port, LoanScoring(fail=given.fail), given.delay))


if __name__ == "__main__":
    main()
