"""The canonical answer of a route: its fields and their types."""

from collections.abc import Mapping

from gateway.config import Route
from gateway.rules import Rule


def answer_rules(route: Route) -> Mapping[str, Rule]:
    """The canonical answer: as configured, or every field that a source's reply has, from the output of its name.

    What is returned of the request has its type there, and a date of now is a date."""
    rules: dict[str, Rule] = {}
    for name, rule in route.answer.fields.items():
        echoed = route.fields.get(rule.echo or "")
        rules[name] = rule.model_copy(update={"type": rule.type or rule.now or (echoed and (echoed.type or "text"))})
    if rules:
        return rules
    for source in route.sources.values():
        for name, rule in source.answer.items():
            if rule.constant is None:
                rules.setdefault(name, _declared(rule))
    return rules


def _declared(rule: Rule) -> Rule:
    """What a source's rule says of the canonical field."""
    fields = {name: _declared(inner) for name, inner in rule.fields.items()}
    return Rule(type=rule.type, many=rule.many, optional=rule.optional, fields=fields)
