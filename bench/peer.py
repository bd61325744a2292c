"""What the gateway is measured against: the same service written by hand, and a server that does nothing at all.

`python -m bench.peer lxml|bytes` serves on a free port, which it prints: uvicorn on uvloop and httptools without access
log. *lxml* is Starlette with one route; it parses with the settings that untrusted XML needs, reads every field of an
application with its type, decides always alike, and builds its answer as a string. *bytes* answers the same bytes to
everything, on bare ASGI.
"""

import asyncio
import socket
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import uvicorn
import uvloop
from lxml import etree
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_NAMESPACE = "http://bank.example/loans/2004/05"
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_MEDIA = "text/xml; charset=utf-8"
_FIELDS: dict[str, Callable[[str], Any]] = {
    "Id": str, "ReceivedOn": date.fromisoformat, "Applicant/Age": int, "Applicant/Employment": str,
    "Applicant/Job": str, "Applicant/Housing": str, "Applicant/ResidenceSince": int, "Applicant/Dependents": int,
    "Applicant/Telephone": str, "Loan/DurationMonths": int, "Loan/Amount": Decimal, "Loan/Purpose": str,
    "Loan/InstallmentRate": int, "Accounts/Checking": str, "Accounts/Savings": str, "Accounts/History": str,
    "Accounts/ExistingCredits": int, "Security/OtherDebtors": str, "Security/Property": str, "Security/OtherPlans": str,
}  # fmt: skip
_READ = {f"{{{_NAMESPACE}}}{path.rpartition('/')[2]}": convert for path, convert in _FIELDS.items()}
_PARSER = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
)


def decoded(body: bytes) -> dict[str, Any]:
    """The application's fields by name. Raises ValueError for any other message."""
    root = etree.fromstring(body, _PARSER)
    request = root.find(f"{{{_SOAP}}}Body/{{{_NAMESPACE}}}ScoreLoan/{{{_NAMESPACE}}}Application")
    if request is None or root.getroottree().docinfo.doctype:
        raise ValueError("not a ScoreLoan request")
    fields = {}
    for element in request.iter():
        if (convert := _READ.get(element.tag)) is not None:
            fields[element.tag.rpartition("}")[2]] = convert((element.text or "").strip())
    if len(fields) != len(_READ):
        raise ValueError("a field is missing")
    return fields


def encoded(fields: dict[str, Any]) -> bytes:
    """The answer: approved, with a constant score."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="{_SOAP}"><soap:Body>'
        f'<ScoreLoanResponse xmlns="{_NAMESPACE}"><Result><ApplicationId>{escape(fields["Id"])}</ApplicationId>'
        f"<Decision>A</Decision><Score>750.0</Score><DecidedOn>{fields['ReceivedOn'].isoformat()}</DecidedOn>"
        "<Reasons/></Result></ScoreLoanResponse></soap:Body></soap:Envelope>"
    ).encode()


async def score(request: Request) -> Response:
    """Answers one application."""
    return Response(encoded(decoded(await request.body())), media_type=_MEDIA)


async def constant(scope: Any, receive: Any, send: Any) -> None:
    """Reads the request and answers the same bytes to everything."""
    while (await receive()).get("more_body"):
        pass
    body = encoded({"Id": "AB-12345", "ReceivedOn": date(2004, 5, 6)})
    headers = [(b"content-type", _MEDIA.encode()), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def serve(app: Any) -> None:
    """Serves until it is killed."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False)
    await uvicorn.Server(config).serve([listener])


def main() -> None:
    """Serves what the first argument names."""
    starlette = Starlette(routes=[Route("/soap/loans", score, methods=["POST"])])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve({"lxml": starlette, "bytes": constant}[sys.argv[1]]))


if __name__ == "__main__":
    main()
