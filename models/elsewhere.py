"""A model on somebody else's server, in that server's own protocol: nothing has to be installed or changed there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from gateway.contract import CandidateFailed, Child, Model, ModelUnavailable, RowError
from gateway.settings import Settings
from models.client import Coalescer
from models.dialect import Dialect, Instances, Tensors
from models.transport import Http

_WARM_UP = 30.0  # seconds


class Described(Settings):
    """One input or output of a model whose server does not describe it."""

    type: Literal["number", "integer", "text", "boolean", "list"]
    values: list[str | int | float | bool] | None = None
    minimum: float | int | None = None
    maximum: float | int | None = None
    optional: bool = False
    items: "Described | None" = None

    @model_validator(mode="after")
    def _list_of_what(self) -> "Described":
        if (self.type == "list") != (self.items is not None):
            raise ValueError("a list, and nothing else, needs `items`: {type: ...}")
        return self


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("a header is printable ASCII")
    return value


class HttpSettings(Settings):
    """One `models:` entry of type `http`."""

    url: str = Field(pattern=r"^https?://\S+$")
    protocol: Literal["open_inference", "mlflow", "tensorflow"]
    tag: str = Field(pattern=r"^[^\s:/]+:[^\s:/]+$")
    path: str | None = Field(default=None, pattern=r"^/\S+$")
    headers: dict[str, Annotated[str, AfterValidator(_header)]] = {}
    inputs: dict[str, Described]
    outputs: dict[str, Described] = Field(min_length=1)
    example: dict[str, str | int | float | bool] | None = None
    batch: int = Field(default=256, ge=1)
    queue: int = Field(default=1024, ge=1)
    in_flight: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _tensors_are_whole(self) -> "HttpSettings":
        if self.protocol == "open_inference":
            for name, one in self.inputs.items():
                if one.optional or one.type == "list":
                    raise ValueError(f"inputs.{name}: a tensor of open_inference has a scalar for every record")
            if not self.inputs:
                raise ValueError("inputs: open_inference needs the type of each feature")
        return self


class Elsewhere:
    """A `contract.ModelKind` for a server that is not ours. Its tag is the operator's word for what it serves."""

    Settings: ClassVar[type[HttpSettings]] = HttpSettings

    def __init__(self, name: str, settings: HttpSettings, folder: Path) -> None:
        """Reads nothing: all that is known of the model is in its settings."""
        self._name = name
        self.settings = settings
        self.tag = settings.tag
        described = settings.model_dump(include={"inputs", "outputs", "example"}, exclude_none=True)
        self._schema: Mapping[str, Any] = described

    def child(self, socket: str) -> Child | None:
        """None: there is no process to start."""
        return None

    def schema(self) -> Mapping[str, Any]:
        """As configured."""
        return self._schema

    async def connect(self, socket: str) -> Model:
        """A model whose server answers and, where there is an example, has scored it. Raises ModelUnavailable."""
        settings = self.settings
        transport = Http.url(settings.url, settings.headers)
        limits = {"batch": settings.batch, "queue": settings.queue, "in_flight": settings.in_flight}
        model = Coalescer(transport, dialect(settings), self.tag, self._schema, **limits)
        try:
            await self._warm(transport, model)
        except BaseException as error:
            await model.close()
            if isinstance(error, CandidateFailed):
                raise ModelUnavailable(f"model {self._name}: {error}") from error
            raise
        return model

    async def _warm(self, transport: Http, model: Coalescer) -> None:
        if self.settings.example is None:
            return await transport.probe()
        (answer,) = await model.predict([self.settings.example], _WARM_UP)
        if isinstance(answer, RowError):
            raise ModelUnavailable(f"{self.tag} cannot score the configured example: {answer.message}")


def dialect(settings: HttpSettings) -> Dialect:
    """How the configured server speaks."""
    name, _, version = settings.tag.partition(":")
    outputs = settings.outputs
    lists = {output for output, one in outputs.items() if one.type == "list"}
    if settings.protocol == "open_inference":
        types = {feature: one.type for feature, one in settings.inputs.items()}
        return Tensors(settings.path or f"/v2/models/{name}/infer", name, types, lists)
    if settings.protocol == "tensorflow":
        path = settings.path or f"/v1/models/{name}/versions/{version}:predict"
        return Instances(path, "instances", list(outputs), lists)
    return Instances(settings.path or "/invocations", "dataframe_records", list(outputs), lists)
