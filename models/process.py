"""A model served by BentoML: as a child process on a Unix socket, or elsewhere at a URL."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
from pydantic import Field, model_validator

from gateway.contract import CandidateFailed, Child, ConfigError, Model, ModelUnavailable, RowError
from gateway.settings import Duration, Settings
from models.client import Coalescer
from models.dialect import Records
from models.transport import KEEP_ALIVE_OF_SERVER, Http, described

_TAG = re.compile(r"(?P<name>[a-z0-9][-._a-z0-9]*)(:(?P<version>[a-z0-9][-._a-z0-9]*))?")
_WARM_UP = 30.0  # seconds


class BentoSettings(Settings):
    """One `models:` entry of type `bentoml`: either `tag`, run as a child, or `url`, running elsewhere."""

    service: str = Field(default="models.service:Scorer", pattern=r"^[\w.]+:\w+$")
    tag: str | None = None
    home: str = ".understudy/bentoml"
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    batch: int = Field(default=256, ge=1)
    queue: int = Field(default=1024, ge=1)
    in_flight: int = Field(default=1, ge=1)
    hung_after: Duration = Field(default=10.0, ge=1)

    @model_validator(mode="after")
    def _one_place(self) -> "BentoSettings":
        if (self.tag is None) == (self.url is None):
            raise ValueError('give either tag (for example "credit:latest"), or the url where the model is served')
        return self


class Bento:
    """A `contract.ModelKind` for a Bento. Its tag is resolved once, when it is made."""

    Settings: ClassVar[type[BentoSettings]] = BentoSettings

    def __init__(self, name: str, settings: BentoSettings, folder: Path) -> None:
        """`folder` is what a relative `home` starts from. Raises ConfigError when the store has no such model."""
        self._name = name
        self.settings = settings
        self._folder = folder.resolve()
        self._home = (self._folder / settings.home).resolve()
        self.tag = resolve(self._home, settings.tag) if settings.tag else ""

    def child(self, socket: str) -> Child | None:
        """uvicorn on the socket; the environment is what must be added to the parent's own."""
        if self.settings.url:
            return None
        options = {
            "--uds": socket, "--loop": "uvloop", "--http": "httptools", "--app-dir": str(self._folder),
            "--timeout-keep-alive": str(KEEP_ALIVE_OF_SERVER), "--log-level": "warning",
        }  # fmt: skip
        flags = [word for option in options.items() for word in option]
        application = f"{self.settings.service}.to_asgi"
        switches = ["--factory", "--no-access-log", "--no-server-header", "--no-date-header"]
        argv = [sys.executable, "-m", "uvicorn", application, *switches, *flags]
        return Child(argv, self._environment(), self.settings.hung_after)

    def schema(self) -> Mapping[str, Any] | None:
        """The schema in the model's folder, read without starting it; None where it has none or is served elsewhere.

        Raises ConfigError for one that cannot be read."""
        name, _, version = self.tag.partition(":")
        file = self._home / "models" / name / version / "schema.json"
        if not self.tag or not file.exists():
            return None
        try:
            found: Mapping[str, Any] = orjson.loads(file.read_bytes())
        except ValueError as error:
            raise ConfigError(f"model {self._name}: {self.tag} has a schema.json that is not JSON: {error}") from error
        return found

    async def connect(self, socket: str) -> Model:
        """A model that has given its schema and scored its own example. Raises ModelUnavailable."""
        transport = Http.url(self.settings.url, {}) if self.settings.url else Http.unix(socket)
        try:
            return await self._warmed(transport)
        except BaseException as error:
            await transport.close()
            if isinstance(error, CandidateFailed):
                raise ModelUnavailable(f"model {self._name}: {error}") from error
            raise

    async def _warmed(self, transport: Http) -> Coalescer:
        about = await described(transport)
        tag, schema = about["model"], about["schema"]
        if self.tag and tag != self.tag:
            raise ModelUnavailable(f"{tag} is served where {self.tag} was expected")
        limits = {"batch": self.settings.batch, "queue": self.settings.queue, "in_flight": self.settings.in_flight}
        model = Coalescer(transport, Records(), tag, schema, **limits)
        if "example" in schema:
            (answer,) = await model.predict([schema["example"]], _WARM_UP)
            if isinstance(answer, RowError):
                raise ModelUnavailable(f"{tag} cannot score its own example: {answer.message}")
        return model

    def _environment(self) -> Mapping[str, str]:
        return {
            "BENTOML_HOME": str(self._home),
            "BENTOML_DO_NOT_TRACK": "True",  # "1" is ignored
            "OTEL_SDK_DISABLED": "true",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "UNDERSTUDY_MODEL_TAG": self.tag,
        }


def resolve(home: Path, tag: str) -> str:
    """The concrete tag that `tag` ("name", "name:latest", "name:version") names in the Bento store under `home`.

    Reads the store's files: importing bentoml takes seconds. Raises ConfigError."""
    match = _TAG.fullmatch(tag)
    if not match:
        raise ConfigError(f"tag {tag!r} is not a Bento tag; write it as name:version, for example credit:latest")
    name, version = match["name"], match["version"] or "latest"
    folder = home / "models" / name
    if version == "latest":
        version = _latest(folder)
    if not version or not (folder / version / "model.yaml").is_file():
        raise ConfigError(
            f"there is no model {tag} in {home}; train one with `understudy demo` or "
            f"`python -m models.credit.train --home {home} --name {name}`, or name another tag"
        )
    return f"{name}:{version}"


def _latest(folder: Path) -> str:
    try:
        return (folder / "latest").read_text().strip()
    except OSError:
        return ""
