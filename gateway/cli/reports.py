"""Which reports the record settings of a configuration switch off, and what has run out."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from gateway.answers import answer_rules
from gateway.config import Config, Route
from gateway.known import expired
from gateway.replay import asked


def switched_off(config: Config) -> Iterator[str]:
    """One sentence each."""
    if not config.records.keep:
        yield "records.keep is false: no disagreements to look at, no drift of inputs, no export, no replay"
    known = {field for route in config.routes.values() for field in (*route.fields, *answer_rules(route))}
    if config.routes and (strange := [field for field in config.records.fields if field not in known]):
        yield f"records.fields names what no route has: {', '.join(strange)}"
    for name, route in config.routes.items():
        if route.key is None:
            yield f"route {name} has no key: no figures per customer, and its records count as if independent"
        kept = config.records.plain
        if config.records.keep and (absent := [field for field in route.fields if field not in kept]):
            shown = ", ".join(absent[:6]) + (f" and {len(absent) - 6} more" if len(absent) > 6 else "")
            yield f"route {name}: no drift of {shown}: not kept by records.fields"
        if summed := [field for field in _judged(route) if field not in kept]:
            yield f"route {name}: no confusions and no scores of {', '.join(summed)}: not kept by records.fields"
        if config.records.keep and route.candidate and (wanted := _not_readable(config, route)):
            yield f"route {name}: no replay: records.fields must keep or encrypt {', '.join(wanted)} too"


def _judged(route: Route) -> list[str]:
    """The answer fields that are compared."""
    rules = {name: route.compare.get(name) for name in answer_rules(route)}
    return [name for name, rule in rules.items() if rule is None or rule.rule != "ignore"]


def _not_readable(config: Config, route: Route) -> list[str]:
    """What a replay looks at and records do not carry."""
    readable = {field for field, way in config.records.fields.items() if way in ("keep", "encrypt")}
    answers = list(route.answer.fields)
    lacking = [] if readable.intersection(answers) or not answers else answers[:1]
    return [field for field in asked(route) if field not in readable] + lacking


def run_out(config: Config, today: date | None = None) -> Iterator[str]:
    """One sentence for each known difference that has expired, by today's date in UTC."""
    day = today or datetime.now(UTC).date()
    for name, route in config.routes.items():
        for entry in expired(route.known_differences, day):
            known = route.known_differences[entry]
            yield (
                f"route {name}: the known difference {entry} expired on {known.expires} and counts as disagreement "
                f"again; {known.owner} answers for it"
            )
