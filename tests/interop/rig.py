"""One client that calls, and the served gateway that it calls."""

import json
from collections.abc import Sequence
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

from tests.interop.clients import Client, run
from tests.interop.wording import Answer, answers
from tests.served import Served

PERCENT = 50


class Caller:
    """One client in one SOAP version."""

    def __init__(self, client: Client, version: str, folder: Path, wsdl: str, legacy: str) -> None:
        self.client = client
        self.version = version
        self._start = client.start(folder, version)
        self._folder = folder
        self._wsdl = wsdl
        self._legacy = legacy
        self._direct: dict[str, Answer] = {}

    def call(self, *calls: str) -> Sequence[Answer]:
        """What it reads from the gateway, at the address that the gateway's WSDL gives."""
        return self._read("-", calls)

    def direct(self, *calls: str) -> Sequence[Answer]:
        """What it reads from the legacy service itself, whose equal requests get equal answers."""
        missing = [call for call in calls if call not in self._direct]
        if missing:
            self._direct.update(zip(missing, self._read(self._legacy, missing), strict=True))
        return [self._direct[call] for call in calls]

    def _read(self, endpoint: str, calls: Sequence[str]) -> Sequence[Answer]:
        found = answers(run([*self._start, self._wsdl, endpoint, self.version, *calls], self._folder))
        assert len(found) == len(calls)
        return found


class Stages:
    """The served example, whose stage is moved as operators do: by editing its configuration."""

    def __init__(self, gateway: Served) -> None:
        self.gateway = gateway
        self._now = ""

    @cached_property
    def wsdl(self) -> str:
        """Where the gateway serves its WSDL."""
        return f"{self.gateway.url}?wsdl"

    def to(self, stage: str) -> None:
        """Returns when every process serves this stage."""
        if stage != self._now:
            self.gateway.edit(stage=stage, percent=PERCENT if stage == "canary" else 0)
            self._now = stage

    def asked(self) -> int:
        """How often the legacy service was asked anything by now."""
        connection = HTTPConnection(urlsplit(self.gateway.legacy.url).netloc, timeout=10)
        try:
            connection.request("GET", "/counts")
            return sum(json.loads(connection.getresponse().read()).values())
        finally:
            connection.close()
