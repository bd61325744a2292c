"""What a model server is sent and what it answers: the difference between one kind of server and another."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import orjson

from gateway.contract import BadPrediction, Row
from models.transport import Transport, described


class Dialect(Protocol):
    """How one kind of server speaks."""

    path: str
    """Where predictions are asked for."""

    def request(self, rows: Sequence[Row]) -> bytes:
        """The body that asks for predictions of these rows. Raises orjson.JSONEncodeError."""

    def predictions(self, answer: Any, count: int) -> list[Any]:
        """One entry a row, which need not be right: {output: value}, or {"error": text}. Raises BadPrediction."""

    def tag(self, answer: Any) -> str | None:
        """Which model gave an answer; None where it does not say."""

    async def served(self, transport: Transport) -> str | None:
        """Which model the server says it serves; None where it does not say. Raises CandidateFailed."""


class Records:
    """Our own: records in, one object a record out, and the model's tag. What models/service.py speaks."""

    path = "/predict"

    def request(self, rows: Sequence[Row]) -> bytes:
        """{"records": [{feature: value}]}."""
        return orjson.dumps({"records": rows})

    def predictions(self, answer: Any, count: int) -> list[Any]:
        """Of {"predictions": [...]}."""
        return listed(answer, "predictions", count)

    def tag(self, answer: Any) -> str | None:
        """Of {"model": TAG}."""
        found = answer.get("model")
        return None if found is None else str(found)

    async def served(self, transport: Transport) -> str | None:
        """What /schema says."""
        return str((await described(transport))["model"])


class Instances:
    """Rows in under `key`, "predictions" out: MLflow (`dataframe_records`) and TensorFlow Serving (`instances`).

    A prediction is an object by output, or where the model has one output its bare value."""

    def __init__(self, path: str, key: str, outputs: Sequence[str], lists: Collection[str]) -> None:
        """`lists` are those of the outputs that are a list for each row."""
        self.path = path
        self._key = key
        self._outputs, self._lists = outputs, lists

    def request(self, rows: Sequence[Row]) -> bytes:
        """{key: [{feature: value}]}."""
        return orjson.dumps({self._key: rows})

    def predictions(self, answer: Any, count: int) -> list[Any]:
        """Of {"predictions": [...]}."""
        found = listed(answer, "predictions", count)
        return [each if isinstance(each, dict) else self._bare(each) for each in found]

    def tag(self, answer: Any) -> str | None:
        """Their answers do not say."""
        return None

    async def served(self, transport: Transport) -> str | None:
        """Nor do they otherwise; the path may name a version."""
        await transport.probe()
        return None

    def _bare(self, value: Any) -> dict[str, Any]:
        if len(self._outputs) != 1:
            raise BadPrediction(f"a prediction is a bare value, and there are {len(self._outputs)} outputs")
        [name] = self._outputs
        wrapped = isinstance(value, list) and len(value) == 1 and name not in self._lists
        return {name: value[0] if wrapped else value}


DATATYPES = {"number": "FP64", "integer": "INT64", "text": "BYTES", "boolean": "BOOL"}


class Tensors:
    """Open Inference Protocol v2 (KServe, Triton, MLServer, Seldon): one tensor a feature, row-major, and back.

    An answer names its model and, where the server has versions, its version."""

    def __init__(self, path: str, name: str, inputs: Mapping[str, str], lists: Collection[str]) -> None:
        """`inputs` are the types by name, of DATATYPES; `lists` the outputs that are a list for each row."""
        self.path = path
        self._name = name
        self._lists = lists
        self._inputs = [(feature, DATATYPES[kind]) for feature, kind in inputs.items()]

    def request(self, rows: Sequence[Row]) -> bytes:
        """{"inputs": [{"name", "shape": [rows, 1], "datatype", "data"}]}."""
        tensors = [
            {"name": name, "shape": [len(rows), 1], "datatype": kind, "data": [row.get(name) for row in rows]}
            for name, kind in self._inputs
        ]
        return orjson.dumps({"inputs": tensors})

    def predictions(self, answer: Any, count: int) -> list[Any]:
        """Of {"outputs": [{"name", "shape", "data"}]}: a value a row, or a list where the tensor is wider."""
        outputs = listed(answer, "outputs", None)
        named = {str(one["name"]): one for one in outputs if isinstance(one, dict) and "name" in one}
        columns = {name: _column(name, one, count, name in self._lists) for name, one in named.items()}
        return [{name: column[at] for name, column in columns.items()} for at in range(count)]

    def tag(self, answer: Any) -> str | None:
        """Of {"model_name", "model_version"}."""
        name, version = answer.get("model_name"), answer.get("model_version")
        return f"{name or self._name}:{version}" if version else None

    async def served(self, transport: Transport) -> str | None:
        """Each answer says it."""
        await transport.probe()
        return None


def listed(answer: Any, key: str, count: int | None) -> list[Any]:
    """The list under this key, of `count` entries. Raises BadPrediction."""
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, list) or count not in (None, len(found)):
        what = key if count is None else f"{count} {key}"
        raise BadPrediction(f"the model's answer has no list of {what}")
    return found


def _column(name: str, tensor: Mapping[str, Any], count: int, many: bool) -> list[Any]:
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list) or not isinstance(shape, list) or shape[:1] != [count] or len(data) % count:
        raise BadPrediction(f"the model's output {name!r:.40} is no tensor of {count} rows")
    width = len(data) // count
    return data if width == 1 and not many else [data[at * width : (at + 1) * width] for at in range(count)]
