"""Further sources of the example's route: the queue, and the table."""

from importlib.resources import files


def added(text: str, name: str) -> str:
    """The example's configuration with the source of NAME.yaml, unless it has it already."""
    adapter, source = (files("gateway.examples.credit") / f"{name}.yaml").read_text().split("---\n")
    if adapter.partition(":")[0].strip() in text:
        return text
    return text.replace("\nadapters:\n", f"\nadapters:\n{adapter}").replace(
        "\n    sources:\n", f"\n    sources:\n{source}"
    )
