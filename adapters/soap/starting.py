"""What `understudy init` writes for a SOAP service: configuration, a commented route, a request, a contract test."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain, count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from pydantic import ValidationError

from adapters.soap import fetching, wsdl
from adapters.soap.config import SoapSettings
from adapters.soap.namespaces import ENVELOPES
from adapters.soap.particles import Complex, Element, elements, highest, text_of
from adapters.soap.wsdl import Contract, Operation
from gateway.contract import ConfigError
from gateway.settings import refusals

DEPTH = 12
"""Levels of a message that are shown; types may contain themselves."""

_TYPES = {"int": "integer", "Decimal": "decimal", "float": "float", "bool": "boolean", "date": "date",
          "datetime": "datetime", "time": "time"}  # fmt: skip
_EXAMPLES = {
    "int": "1", "Decimal": "1", "float": "1", "bool": "true", "date": "2024-01-31", "datetime": "2024-01-31T12:00:00",
    "time": "12:00:00", "bytes": "",
}  # fmt: skip


@dataclass(slots=True, frozen=True)
class Leaf:
    """A value of a message: its path, canonical type, whether it may be missing or is one of many, its few values."""

    path: str
    kind: str
    optional: bool
    many: bool
    choices: tuple[str, ...] = ()


def started(wsdl_: str, endpoint: str, operation: str | None) -> Mapping[str, bytes]:
    """The files of a new configuration's folder by name. Raises ConfigError."""
    documents = fetching.documents(wsdl_)
    first = next(iter(documents))
    contract = _loaded(documents, first)
    if operation is not None and operation not in contract.operations:
        why = contract.unserved.get(operation)
        there = f"it cannot be served: {why}" if why else f"there are: {', '.join(sorted(contract.operations))}"
        raise ConfigError(f"The WSDL has no operation {operation!r} that can be served; {there}")
    if not contract.operations:
        reasons = " ".join(f"{name}: {reason}" for name, reason in contract.unserved.items())
        raise ConfigError(f"No operation of the WSDL can be served. {reasons}".strip())
    chosen = contract.operations[operation or next(iter(contract.operations))]
    name = _word(chosen.service or Path(first).stem)
    path = urlsplit(endpoint).path.rstrip("/")
    path = path if re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", path) else f"/{name}"
    _check(path, first, endpoint)
    values = {
        "ADAPTER": name, "PATH": path, "WSDL": first, "ENDPOINT": endpoint, "OPERATION": chosen.name,
        "ROUTE": _route(name, chosen), "UNSERVED": _unserved(contract), "MEDIA": _media(chosen),
        "ACTION": chosen.soap_action,
    }  # fmt: skip
    return {
        **documents,
        "understudy.yaml": _filled("understudy.yaml.template", values),
        "test_contract.py": _filled("test_contract.py.template", values),
        "request.xml": _request(chosen).encode(),
    }


def _loaded(documents: Mapping[str, bytes], first: str) -> Contract:
    with TemporaryDirectory(prefix="understudy-init-") as folder:
        for name, data in documents.items():
            (Path(folder) / name).write_bytes(data)
        return wsdl.load(Path(folder) / first)


def _check(path: str, first: str, endpoint: str) -> None:
    try:
        SoapSettings.model_validate({"path": path, "wsdl": first, "incumbent": {"url": endpoint}})
    except ValidationError as error:
        raise ConfigError(*(f"--endpoint {endpoint}: {refusal}" for refusal in refusals(error))) from None


def _filled(template: str, values: Mapping[str, str]) -> bytes:
    text = files("adapters.soap").joinpath("templates", template).read_text("utf-8")
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text.encode()


def _unserved(contract: Contract) -> str:
    lines = [f"# {name} can be passed through, and not served: {reason}" for name, reason in contract.unserved.items()]
    return "\n".join([*lines, ""]) if lines else ""


def _word(text: str) -> str:
    """A name as the configuration has them: lower case, words joined by underscores."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", text).strip("_").lower()
    return (snake if snake[:1].isalpha() else f"x_{snake}")[:40].rstrip("_")


def leaves(element: Element) -> Iterator[Leaf]:
    """The values of a message, in their order."""
    yield from _below(element, "", optional=False, many=False, seen=())


def _below(element: Element, path: str, *, optional: bool, many: bool, seen: tuple[int, ...]) -> Iterator[Leaf]:
    kind = element.type
    if (simple := text_of(kind)) is not None:
        word = _TYPES.get(simple.kind.__name__, "text")
        yield Leaf(path or "#text", word, optional or element.nillable, many, tuple(sorted(simple.choices or ())))
    if not isinstance(kind, Complex) or simple is not None or id(kind) in seen or len(seen) >= DEPTH:
        return
    at = f"{path}." if path else ""
    for one in kind.attributes:
        yield Leaf(f"{at}{one.key}", _TYPES.get(one.type.kind.__name__, "text"), optional or not one.required, many)
    if kind.text is not None:
        yield Leaf(path or "#text", _TYPES.get(kind.text.kind.__name__, "text"), optional, many)
    most, low = highest(kind.content), _required(kind)
    for child in elements(kind.content):
        yield from _below(
            child, f"{at}{child.key}", optional=optional or child.key not in low,
            many=many or most[child.key] > 1, seen=(*seen, id(kind)),
        )  # fmt: skip


def _required(kind: Complex) -> set[str]:
    """The keys of the elements that must be there: those of no choice."""
    plain = kind.content.kind == "sequence" and kind.content.low > 0
    return {one.key for one in kind.content.items if isinstance(one, Element) and one.low} if plain else set()


def _route(adapter: str, operation: Operation) -> str:
    """The commented route with the mapping of the operation; uncommented it is valid."""
    messages = operation.codec.messages
    asked, answered = list(_named(messages.request)), list(_named(messages.response))
    lines = [f"{_word(operation.name)}:", "  stage: off", "  # key: the field that says whose call it is",
             "  fields:"]  # fmt: skip
    lines += [f"    {name}: {_field(leaf)}" for name, leaf in asked if not leaf.many]
    lines += ["  sources:", f"    {adapter}/{operation.name}:", "      request:"]
    lines += [f"        {name}: {_quoted(leaf.path)}{_noted(leaf)}" for name, leaf in asked if not leaf.many]
    lines += [f"        # a list, see `each` in docs/configuration.md: {leaf.path}" for _, leaf in asked if leaf.many]
    lines += ["      answer:"] if answered else ["      # one-way: callers get 202 and no answer, see docs/soap.md"]
    lines += [f"        {name}: {_answer(leaf)}{_noted(leaf)}" for name, leaf in answered]
    return "\n".join(f"#   {line}".rstrip() for line in lines)


def _named(element: Element) -> Iterator[tuple[str, Leaf]]:
    """The leaves with canonical names of their own."""
    taken: set[str] = set()
    for leaf in leaves(element):
        steps = [_word(step.lstrip("@#")) for step in leaf.path.split(".")]
        wider = ("_".join(steps[-last:])[-44:].lstrip("_0123456789") for last in range(1, len(steps) + 1))
        numbered = (f"{steps[-1]}_{number}" for number in count(2))
        name = next(one for one in chain(wider, numbered) if one not in taken)
        taken.add(name)
        yield name, leaf


def _field(leaf: Leaf) -> str:
    return f"{{type: {leaf.kind}, optional: true}}" if leaf.optional else leaf.kind


def _answer(leaf: Leaf) -> str:
    more = [f"type: {leaf.kind}"] * (leaf.kind != "text") + ["many: true"] * leaf.many
    more += ["optional: true"] * (leaf.optional and not leaf.many)
    return f"{{from: {_quoted(leaf.path)}, {', '.join(more)}}}" if more else _quoted(leaf.path)


def _quoted(path: str) -> str:
    return f'"{path}"' if set(path) & set("#@{}:") else path


def _noted(leaf: Leaf) -> str:
    shown = ", ".join(leaf.choices[:12]) + (", ..." if len(leaf.choices) > 12 else "")
    return f"  # {shown}" if shown and shown.isprintable() else ""


def _media(operation: Operation) -> str:
    plain = "text/xml; charset=utf-8"
    return plain if operation.versions[0] == "1.1" else f'application/soap+xml; action="{operation.soap_action}"'


def _request(operation: Operation) -> str:
    """A request with a value of each type: what it asks for must be put in by somebody who knows."""
    messages = operation.codec.messages
    namespaces: dict[str, str] = {}
    inner = _example(messages.request, namespaces, "    ", ())
    declared = "".join(f' xmlns:{prefix}="{namespace}"' for namespace, prefix in namespaces.items())
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<!-- Example values: put in what legacy may be asked. -->\n'
        f'<soap:Envelope xmlns:soap="{ENVELOPES[operation.versions[0]]}"{declared}>\n  <soap:Body>\n'
        f"{inner}  </soap:Body>\n</soap:Envelope>\n"
    )


def _example(element: Element, namespaces: dict[str, str], indent: str, seen: tuple[int, ...]) -> str:
    namespace, local = element.name
    tag = f"{namespaces.setdefault(namespace, f'ns{len(namespaces)}')}:{local}" if namespace else local
    kind = element.type
    simple = text_of(kind) or (kind.text if isinstance(kind, Complex) else None)
    if simple is not None:
        choices = sorted(simple.choices or ())
        return f"{indent}<{tag}>{choices[0] if choices else _EXAMPLES.get(simple.kind.__name__, 'text')}</{tag}>\n"
    if not isinstance(kind, Complex) or id(kind) in seen:
        return f"{indent}<{tag}/>\n"
    children = [one for one in elements(kind.content) if one.low]
    inner = "".join(_example(one, namespaces, indent + "  ", (*seen, id(kind))) for one in children)
    return f"{indent}<{tag}>\n{inner}{indent}</{tag}>\n" if inner else f"{indent}<{tag}/>\n"
