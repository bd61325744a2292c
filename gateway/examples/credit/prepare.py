"""A copy of the example to play with: `python -m gateway.examples.credit.prepare FOLDER`.

Trains the credit model on 500 rows where the folder has none, and writes its tag into the configuration: the one model
that the route accepts."""

import sys
from importlib.resources import files
from pathlib import Path

from gateway.edit import edit
from gateway.examples.credit.training import train, trained

FILES = ("understudy.yaml", "loans.wsdl", "loans.xsd", "codes.xsd")
ROUTE = "loan_decision"


def prepare(folder: Path) -> Path:
    """The configuration's path, ready for `understudy serve`. What is there already stays. Raises TrainingFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        if not (folder / name).exists():
            (folder / name).write_bytes((files("gateway.examples.credit") / name).read_bytes())
    configuration = folder / "understudy.yaml"
    home = folder / ".understudy" / "bentoml"
    tag = trained(home) or train(home)
    if "${UNDERSTUDY_MODEL" in configuration.read_text():
        changes: dict[tuple[str | int, ...], str] = {("models", "credit", "tag"): tag, ("routes", ROUTE, "accept"): tag}
        configuration.write_text(edit(configuration.read_text(), changes))
    return configuration


if __name__ == "__main__":
    print(prepare(Path(sys.argv[1])))
