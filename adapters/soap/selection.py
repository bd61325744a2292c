"""Which operation a request asks for: by the name of Body's child, then by its action."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from adapters.soap.namespaces import QName
from adapters.soap.wsdl import Contract, Operation

_ACTION = re.compile(r';\s*action\s*=\s*(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)


@dataclass(slots=True)
class Selected:
    """`other` is the operation that the action names although Body has another one's element."""

    operation: Operation | None
    other: str = ""


def select(contract: Contract, child: QName | None, headers: Mapping[bytes, bytes], media: str) -> Selected:
    """What Body's child says, where it says it; else what an action says. An action that nothing is called is ignored:
    many clients send their own."""
    by_element = contract.by_element(child) if child else None
    named = [found for action in actions(headers, media) if (found := contract.by_action(action))]
    if by_element is None:
        return Selected(named[0] if named else None, named[-1].name if len(set(map(id, named))) > 1 else "")
    for found in named:
        if found is not by_element:
            return Selected(by_element, found.name)
    return Selected(by_element)


def actions(headers: Mapping[bytes, bytes], media: str) -> list[str]:
    """SOAPAction of SOAP 1.1 and the action parameter of 1.2's content type, without quotes; empty ones are none."""
    found = [headers.get(b"soapaction", b"").decode("latin-1").strip(" \t\"'"), _parameter(media)]
    return [action for action in found if action]


@lru_cache(maxsize=64)
def _parameter(media: str) -> str:
    match = _ACTION.search(media)
    return (match[1] or match[2] or "").strip() if match else ""
