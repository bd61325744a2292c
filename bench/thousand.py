"""A WSDL of 1,000 operations: what starting with it takes in time and memory, and what a call then costs."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

OPERATIONS = 1000
_FIELDS = "".join(
    f'<xs:element name="F{n}" type="xs:{kind}"/>' for n, kind in enumerate(("int", "string", "decimal", "date") * 3)
)
_SCHEMA = (
    '<xs:complexType name="T{n}"><xs:sequence>{fields}</xs:sequence></xs:complexType>'
    '<xs:element name="Op{n}" type="t:T{n}"/><xs:element name="Op{n}Response" type="t:T{n}"/>'
)
_MESSAGES = (
    '<w:message name="I{n}"><w:part name="p" element="t:Op{n}"/></w:message>'
    '<w:message name="O{n}"><w:part name="p" element="t:Op{n}Response"/></w:message>'
)
_ABSTRACT = '<w:operation name="Op{n}"><w:input message="t:I{n}"/><w:output message="t:O{n}"/></w:operation>'
_BOUND = (
    '<w:operation name="Op{n}"><s:operation soapAction="urn:big/Op{n}"/><w:input><s:body use="literal"/></w:input>'
    '<w:output><s:body use="literal"/></w:output></w:operation>'
)


def written(path: Path) -> None:
    """Writes the WSDL."""
    parts = {
        name: "".join(text.format(n=n, fields=_FIELDS) for n in range(OPERATIONS))
        for name, text in {"schema": _SCHEMA, "messages": _MESSAGES, "abstract": _ABSTRACT, "bound": _BOUND}.items()
    }
    path.write_text(
        '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:big" targetNamespace="urn:big"><w:types>'
        f'<xs:schema targetNamespace="urn:big" elementFormDefault="qualified">{parts["schema"]}</xs:schema></w:types>'
        f'{parts["messages"]}<w:portType name="P">{parts["abstract"]}</w:portType><w:binding name="B" type="t:P">'
        f'<s:binding transport="http://schemas.xmlsoap.org/soap/http"/>{parts["bound"]}</w:binding><w:service name="S">'
        '<w:port name="P" binding="t:B"><s:address location="http://old/"/></w:port></w:service></w:definitions>'
    )


def measured(path: Path) -> dict[str, float]:
    """Seconds to load it, bytes that it takes, and seconds of a first and a later call. For a fresh process."""
    from adapters.soap.wsdl import load
    from gateway.contract import Raw

    before, started = _resident(), time.perf_counter()
    contract = load(path)
    loaded, size = time.perf_counter() - started, _resident() - before
    values = "".join(f"<t:F{n}>{text}</t:F{n}>" for n, text in enumerate(("1", "x", "1.5", "2004-05-06") * 3))
    body = f'<t:Op500 xmlns:t="urn:big">{values}</t:Op500>'
    envelope = f'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{body}</e:Body></e:Envelope>'
    raw, times = Raw(envelope.encode(), "text/xml"), []
    for _ in range(500):
        started = time.perf_counter()
        contract.operations["Op500"].codec.request(raw)
        times.append(time.perf_counter() - started)
    return {"load": loaded, "bytes": size, "first": times[0], "call": statistics.median(times)}


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def results() -> list[dict[str, Any]]:
    """The figures, each of a fresh process, in the shape of bench/results.json; memory is named in the case."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.wsdl"
        written(path)
        argv = [sys.executable, "-m", "bench.thousand", str(path)]
        found = [json.loads(subprocess.run(argv, check=True, capture_output=True).stdout) for _ in range(3)]
    middle = {key: statistics.median(one[key] for one in found) for key in found[0]}
    case = f"WSDL of {OPERATIONS} operations ({middle['bytes'] / (1 << 20):.1f} MiB)"
    return [_row(case, name, [one[name] for one in found]) for name in ("load", "first", "call")]


def _row(case: str, name: str, seconds: list[float]) -> dict[str, Any]:
    middle = statistics.median(seconds)
    return {
        "area": "codec", "case": case, "name": name, "kind": "ours", "throughput": round(1 / middle, 2),
        "cpu_us": round(middle * 1e6, 1), "p50_ms": round(middle * 1e3, 4), "p99_ms": round(max(seconds) * 1e3, 4),
        "spread": round((max(seconds) - min(seconds)) / middle, 3),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(Path(sys.argv[1]))))
