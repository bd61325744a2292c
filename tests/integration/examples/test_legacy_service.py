"""A real zeep client works with the bank's own service, over SOAP 1.1 and 1.2, as the contract says."""

import http.client
import json
import socket
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
import zeep
from lxml import etree
from zeep.exceptions import Fault

from gateway.examples.credit.applications import actual, requests

NAMESPACE = "http://bank.example/loans/2004/05"
PORTS = ["LoanScoringSoap", "LoanScoringSoap12"]
SOAP = {
    "LoanScoringSoap": "http://schemas.xmlsoap.org/soap/envelope/",
    "LoanScoringSoap12": "http://www.w3.org/2003/05/soap-envelope",
}
MEDIA = {"LoanScoringSoap": "text/xml; charset=utf-8", "LoanScoringSoap12": "application/soap+xml; charset=utf-8"}

Start = Callable[..., tuple[str, "subprocess.Popen[str]"]]


def connect(url: str, port: str = "LoanScoringSoap") -> Any:
    """A client made from the contract that the service itself serves."""
    return zeep.Client(f"{url}?wsdl", port_name=port)


@pytest.fixture(params=PORTS)
def client(request: pytest.FixtureRequest, legacy: str) -> Iterator[Any]:
    with connect(legacy, request.param) as client:
        yield client


def changed(group: str = "", **values: Any) -> dict[str, Any]:
    """The first application with values changed; None leaves one out."""
    application = dict(requests()[0]["Application"])
    target = application[group] = dict(application[group]) if group else application
    target.update(values)
    return {"Application": application}


def send(url: str, method: str, body: bytes = b"", query: str = "") -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request(method, parts.path + query, body or None, {"Content-Type": "text/xml", "SOAPAction": '""'})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, response.headers, content


def message(client: Any, operation: str, **values: Any) -> bytes:
    """The bytes that zeep would send."""
    return bytes(etree.tostring(client.create_message(client.service, operation, **values)))


def schema() -> etree.XMLSchema:
    with files("gateway.examples.credit").joinpath("loans.xsd").open("rb") as source:
        return etree.XMLSchema(etree.parse(source, base_url=source.name))


def test_the_contract_is_served_with_its_own_address_and_its_imports(legacy: str, client: Any) -> None:
    addresses = {port.binding_options["address"] for port in client.wsdl.services["LoanScoring"].ports.values()}
    assert addresses == {legacy}
    for operation in ("ScoreLoan", "ScoreBatch", "GetTariff", "Ping"):
        assert client.wsdl.services["LoanScoring"].ports["LoanScoringSoap"].binding.get(operation)
    _, headers, text = send(legacy, "GET", query="?WSDL")
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    assert f'schemaLocation="{legacy}?xsd=loans.xsd"'.encode() in text
    assert f'schemaLocation="{legacy}?xsd=codes.xsd"'.encode() in send(legacy, "GET", query="?xsd=loans.xsd")[2]


def test_an_approved_loan_has_a_limit_in_whole_hundreds_and_no_reasons(client: Any) -> None:
    result = client.service.ScoreLoan(**requests()[0])
    assert (result.ApplicationId, result.Decision, result.DecidedOn) == ("GC-0001", "A", date(2004, 5, 3))
    assert (result.Score, result.Limit, result.Reasons) == (Decimal("567.8"), Decimal("1200.00"), None)


def test_a_rejected_loan_has_four_reasons_and_a_nil_limit(legacy: str, client: Any) -> None:
    result = client.service.ScoreLoan(**requests()[1])
    assert (result.Decision, result.Limit, len(result.Reasons.Reason)) == ("R", None, 4)
    assert b'<ns1:Limit xsi:nil="true"/>' in send(legacy, "POST", message(client, "ScoreLoan", **requests()[1]))[2]


def test_missing_optional_values_lead_to_manual_review_without_a_limit(legacy: str, client: Any) -> None:
    request = changed("Applicant", Telephone=None, ResidenceSince=None)
    result = client.service.ScoreLoan(**request)
    assert (result.Decision, result.Reasons.Reason) == ("M", ["R10", "R18"])
    assert b"Limit" not in send(legacy, "POST", message(client, "ScoreLoan", **request))[2]


def test_a_batch_is_answered_in_order_with_the_results_of_the_single_calls(client: Any) -> None:
    some = requests()[:20]
    batch = client.service.ScoreBatch(BatchId="N<1>&", Applications={"Application": [r["Application"] for r in some]})
    assert batch.BatchId == "N<1>&"
    assert batch.Results.Result == [client.service.ScoreLoan(**request) for request in some]


def test_an_empty_batch_has_no_results(client: Any) -> None:
    assert client.service.ScoreBatch(BatchId="empty", Applications={}).Results is None


def test_the_tariff_is_looked_up_by_duration_amount_and_currency(client: Any) -> None:
    tariff = client.service.GetTariff(DurationMonths=12, Amount={"_value_1": Decimal(2500), "Currency": "EUR"})
    assert (tariff.NominalRate, tariff.EffectiveRate) == (Decimal("8.40"), Decimal("8.73"))
    assert tariff.ValidFrom == date(2004, 5, 1)
    plain = client.service.GetTariff(DurationMonths=12, Amount={"_value_1": Decimal(2500)})
    assert plain.NominalRate == Decimal("8.90")


def test_ping_is_bare_and_echoes(client: Any) -> None:
    reply = client.service.Ping(Text="Grüße <&>")
    assert (reply.Text, reply.Release) == ("Grüße <&>", "LoanScoring 2004-05 build 117")


@pytest.mark.parametrize(
    ("group", "name", "value", "field", "code"),
    [
        ("Applicant", "Age", 17, "Applicant.Age", "E04"),
        ("Loan", "Amount", Decimal("0.00"), "Loan.Amount", "E04"),
        ("Accounts", "Checking", "A19", "Accounts.Checking", "E02"),
    ],
)
def test_an_invalid_application_is_refused_by_the_declared_fault(
    client: Any, group: str, name: str, value: Any, field: str, code: str
) -> None:
    with pytest.raises(Fault) as caught:
        client.service.ScoreLoan(**changed(group, **{name: value}))
    detail = caught.value.detail.find(f"{{{NAMESPACE}}}InvalidApplication")
    texts = {etree.QName(child).localname: child.text for child in detail}
    assert texts == {"ApplicationId": "GC-0001", "Field": field, "Code": code, "Message": caught.value.message}
    schema().assertValid(etree.fromstring(etree.tostring(detail)))


def test_one_invalid_application_refuses_its_batch(client: Any) -> None:
    applications = [requests()[0]["Application"], changed("Applicant", Age=3)["Application"]]
    with pytest.raises(Fault, match="must be 18 or more"):
        client.service.ScoreBatch(BatchId="B1", Applications={"Application": applications})


@pytest.mark.parametrize("port", PORTS)
def test_faults_come_with_500_in_the_callers_version(legacy: str, port: str) -> None:
    operation = f'<x:Envelope xmlns:x="{SOAP[port]}"><x:Body><Nonsense/></x:Body></x:Envelope>'
    status, headers, body = send(legacy, "POST", operation.encode())
    assert (status, headers["Content-Type"]) == (500, MEDIA[port])
    root = etree.fromstring(body)
    assert root.tag == f"{{{SOAP[port]}}}Envelope"
    assert root.find(f".//{{{SOAP[port]}}}Fault") is not None


@pytest.mark.parametrize("body", [b"<", b"", b"<a/>", b'<?xml version="1.0" encoding="none"?><a/>', b"\xff\xfe"])
def test_what_is_no_soap_is_answered_by_a_fault(legacy: str, body: bytes) -> None:
    status, _, answer = send(legacy, "POST", body)
    assert status == 500
    assert etree.fromstring(answer).find(f".//{{{SOAP['LoanScoringSoap']}}}Fault") is not None


@pytest.mark.parametrize("operation", ["ScoreLoan", "GetTariff", "Ping"])
def test_the_same_request_twice_gives_the_same_bytes(legacy: str, client: Any, operation: str) -> None:
    values = {
        "ScoreLoan": requests()[7],
        "GetTariff": {"DurationMonths": 24, "Amount": {"_value_1": Decimal(3000)}},
        "Ping": {"Text": "x"},
    }
    body = message(client, operation, **values[operation])
    first, second = send(legacy, "POST", body), send(legacy, "POST", body)
    assert first[0] == second[0] == 200
    assert first[2] == second[2]


def test_every_answer_carries_the_old_headers_and_a_session_of_its_own(legacy: str) -> None:
    first, second = send(legacy, "POST", b"<")[1], send(legacy, "POST", b"<")[1]
    assert first["X-Powered-By"] == "Servlet/2.4"
    assert first["Set-Cookie"].startswith("JSESSIONID=")
    assert first["Set-Cookie"] != second["Set-Cookie"]


def test_the_1000_applications_are_decided_sanely_and_every_answer_fits_the_schema(legacy: str) -> None:
    valid = schema()
    decided: dict[str, str] = {}
    with connect(legacy) as client:
        for request in requests():
            content = message(client, "ScoreLoan", **request)
            valid.assertValid(payload(content))
            answer = payload(send(legacy, "POST", content)[2])
            valid.assertValid(answer)
            result = {etree.QName(child).localname: child.text for child in answer[0]}
            decided[result["ApplicationId"]] = result["Decision"]
    counts = Counter(decided.values())
    right = sum((decided[key] == "A") == (end == "good") for key, end in actual().items())
    print(f"decisions {dict(counts)}, right about {right} of {len(decided)}")
    assert len(decided) == 1000
    assert counts["M"] == 0
    assert 600 <= counts["A"] <= 800
    assert 650 <= right <= 750


def payload(envelope: bytes) -> Any:
    """The Body's child as a document of its own, so that it can be validated."""
    body = etree.fromstring(envelope).find(f"{{{SOAP['LoanScoringSoap']}}}Body")
    return etree.fromstring(etree.tostring(body[0]))


def test_calls_are_counted_by_operation(start: Start) -> None:
    url, _ = start()
    with connect(url) as client:
        client.service.ScoreLoan(**requests()[0])
        client.service.ScoreLoan(**requests()[1])
        client.service.Ping(Text="")
    send(url, "POST", b"<")
    assert json.loads(send(url.replace("/loans", "/counts"), "GET")[2]) == {"ScoreLoan": 2, "Ping": 1, "fault": 1}


def test_head_and_get_without_a_query_and_other_methods_and_paths_are_answered(legacy: str) -> None:
    assert send(legacy, "HEAD")[::2] == (200, b"")
    assert send(legacy, "GET")[0] == 200
    assert send(legacy, "DELETE")[0] == 405
    assert send(legacy + "/deeper", "POST", b"x")[0] == 404


def test_a_failing_service_answers_html(start: Start) -> None:
    url, _ = start("--fail")
    status, headers, body = send(url, "POST", b"<")
    assert (status, headers.get_content_type()) == (500, "text/html")
    assert body.startswith(b"<html>")


def test_sigterm_ends_it_at_once_with_a_connection_open_and_an_answer_pending(start: Start) -> None:
    url, process = start("--delay", "60")
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(b"POST /loans HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(b"<")
        process.terminate()
        assert process.wait(10) == 0
        assert connection.recv(100) == b""
