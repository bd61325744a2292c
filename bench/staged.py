"""The example's gateway with the real model, loaded while its route moves from stage to stage."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import rig
from bench.figures import Round
from bench.load import Generator, Order
from gateway.edit import Path as Place
from gateway.edit import Value
from models.credit.train import train


@dataclass(slots=True)
class Staged:
    """One running gateway, and how many calls it was sent."""

    served: rig.Served
    generator: Generator
    sent: int = 0

    def send(self, connections: int, seconds: float, rate: float = 0.0) -> Round:
        """One round of load in which every call was answered, with the CPU of the gateway's processes."""
        order = Order(self.served.port, rig.PATH, connections, seconds, rate)
        one = rig.measured(self.served.processes, self.generator, order)
        assert not one.outcome.errors, one.outcome.statuses
        self.sent += one.outcome.calls
        return one

    def drained(self) -> Mapping[str, int]:
        """The ledger as soon as every call that was sent is decided."""
        return self.served.drained(self.sent)

    def _warm(self) -> None:
        self.served.stage("shadow")
        rig.until(self._compares, "comparing the first call")
        self.drained()

    def _compares(self) -> bool:
        self.send(1, 0.5, 20)
        return self.served.ledger().get("compared", 0) > 0


@contextmanager
def staged(changes: Mapping[Place, Value]) -> Iterator[Staged]:
    """The gateway in stage shadow, with a model trained for it that has answered, and nothing under way."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        tag = train(folder / "bentoml")
        generator = Generator(rig.messages(), folder)
        stack.callback(generator.close)
        environment = {"UNDERSTUDY_LEGACY": stack.enter_context(rig.incumbent(folder)), "UNDERSTUDY_MODEL": tag}
        whole: dict[Place, Value] = {("models", "credit", "home"): "bentoml", **changes}
        gateway = Staged(stack.enter_context(rig.served(folder, whole, environment)), generator)
        gateway._warm()
        yield gateway
