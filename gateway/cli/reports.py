"""Which reports the record settings of a configuration switch off."""

from collections.abc import Iterator

from gateway.config import Config


def switched_off(config: Config) -> Iterator[str]:
    """One sentence each."""
    if not config.records.keep:
        yield "records.keep is false: no confusions, no disagreements, no replay"
    for name, route in config.routes.items():
        if route.key is None:
            yield f"route {name} has no key: no figures per customer, and its records count as if independent"
        kept = {field for field, way in config.records.fields.items() if way != "drop"}
        if config.records.keep and (absent := [field for field in route.fields if field not in kept]):
            shown = ", ".join(absent[:6]) + (f" and {len(absent) - 6} more" if len(absent) > 6 else "")
            yield f"route {name}: no reports by segments of {shown}: not in records.fields"
