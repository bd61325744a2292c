"""The command `understudy`: what each command is called and takes. What a command does loads when it is used.

Exit codes: 0 done, 1 something is wrong (`check`), or was not taken up in time (`stage`), 2 the configuration or the
command line is wrong, 3 the store does not answer."""

from decimal import Decimal, InvalidOperation
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from gateway.contract import ConfigError, UnderstudyError
from gateway.store.model import StoreDown

WRONG, STORE_DOWN = 2, 3
HINT = "check `store:` in the configuration; `understudy serve` makes a store that is not there yet"


class Commands(TyperGroup):
    """Turns expected errors into sentences on standard error and an exit code; others keep their traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer does not export its own Context
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            for problem in error.problems:
                typer.echo(problem, err=True)
            raise typer.Exit(WRONG) from error
        except StoreDown as error:
            typer.echo(f"{error}; {HINT}", err=True)
            raise typer.Exit(STORE_DOWN) from error
        except UnderstudyError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)  # fmt: skip


def _percent(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter("expected a number from 0 to 100 in steps of 0.01") from None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"understudy {version('understudy-gateway')}")
        raise typer.Exit


Configuration = Annotated[
    Path, typer.Option("--config", envvar="UNDERSTUDY_CONFIG", metavar="FILE", help="The configuration.")
]
FILE = Path("understudy.yaml")
RouteName = Annotated[str, typer.Argument(metavar="ROUTE", help="A route of the configuration.")]
OneRoute = Annotated[str | None, typer.Argument(metavar="[ROUTE]", help="A route of the configuration.")]
AllRoutes = Annotated[bool, typer.Option("--all", help="All routes at once, those to come included.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object; its shape stands in docs/cli.md.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the change.")]


@app.callback()
def _understudy(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Shows the version and ends.")
    ] = False,
) -> None:
    """Lets legacy systems consume machine-learning predictions through the protocols they already speak."""


@app.command("serve")
def _serve(config: Configuration = FILE) -> None:
    """Serves the configuration until SIGTERM or SIGINT, and takes up its changes meanwhile."""
    from gateway.cli.serve import serve

    serve(config)


@app.command("check")
def _check(config: Configuration = FILE) -> None:
    """Validates the configuration and tries each connection; changes nothing."""
    from gateway.cli.check import check

    raise typer.Exit(check(config))


@app.command("status")
def _status(config: Configuration = FILE, json: AsJson = False) -> None:
    """Shows every route's stage, traffic and agreement, the replicas and the holds."""
    from gateway.cli.status import status

    status(config, json)


@app.command("stage")
def _stage(
    route: RouteName,
    stage: Annotated[
        Literal["off", "shadow", "canary", "live"] | None,
        typer.Argument(metavar="[STAGE]", help="off, shadow, canary or live; shown when left out."),
    ] = None,
    percent: Annotated[
        Decimal | None,
        typer.Option("--percent", metavar="N", parser=_percent, help="The cohort of canary, in steps of 0.01."),
    ] = None,
    reason: Reason = "",
    config: Configuration = FILE,
) -> None:
    """Shows the stage of a route, or sets it in the configuration, keeping its comments."""
    from gateway.cli.stage import show
    from gateway.cli.stage import stage as move

    raise typer.Exit(
        show(config, route) if (stage, percent) == (None, None) else move(config, route, stage, percent, reason)
    )


@app.command("hold")
def _hold(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown wherever the hold is.")],
    route: OneRoute = None,
    everything: AllRoutes = False,
    config: Configuration = FILE,
) -> None:
    """Keeps a route, or all, on the incumbent until somebody resumes; the candidate is only observed."""
    from gateway.cli.hold import hold

    hold(config, route, everything, reason)


@app.command("resume")
def _resume(
    route: OneRoute = None, everything: AllRoutes = False, reason: Reason = "", config: Configuration = FILE
) -> None:
    """Ends the holds of a route, or those on all routes."""
    from gateway.cli.hold import resume

    resume(config, route, everything, reason)


@app.command("guard")
def _guard(route: RouteName, json: AsJson = False, config: Configuration = FILE) -> None:
    """Shows what the guard of a route says of its candidate now, and why; changes nothing."""
    from gateway.cli.guard import guard

    guard(config, route, json)


@app.command("backtest")
def _backtest(
    route: RouteName,
    guard: Annotated[
        Path | None, typer.Option("--guard", metavar="FILE", help="A `guard` section; the route's own by default.")
    ] = None,
    json: AsJson = False,
    config: Configuration = FILE,
) -> None:
    """Tells when a guard would have acted on what was recorded, and who would have been affected until then."""
    from gateway.cli.guard import backtested

    backtested(config, route, guard, json)


@app.command("plan")
def _plan(
    route: RouteName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="When each step is reached at the earliest.")] = False,
    json: AsJson = False,
    config: Configuration = FILE,
) -> None:
    """Shows where a route is on its plan, and what it waits for; changes nothing."""
    from gateway.cli.plan import plan

    plan(config, route, dry_run, json)


@app.command("approve")
def _approve(
    route: RouteName,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit chain.")],
    config: Configuration = FILE,
) -> None:
    """Approves that the step in force is passed, where the plan has a manual gate."""
    from gateway.cli.plan import approve

    approve(config, route, reason)


@app.command("waive")
def _waive(
    route: RouteName,
    condition: Annotated[str, typer.Argument(metavar="CONDITION", help="As `guard` names it, or `plan time`, ...")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the audit chain.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="WHEN", help="Such as 7d from now, or a day to come.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="Ends the waiver now.")] = False,
    config: Configuration = FILE,
) -> None:
    """Has a condition of a route's guard or plan count as fulfilled for a while; somebody answers for it."""
    from gateway.cli.waive import waive

    waive(config, route, condition, until, end, reason)


@app.command("report")
def _report(
    route: RouteName,
    config: Configuration = FILE,
    json: AsJson = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Writes one HTML file that needs nothing else.")
    ] = None,
) -> None:
    """Shows what is known of a route: agreement, disagreements, drift, cost, latencies, the ledger."""
    from gateway.cli.report import report

    report(config, route, json, html)


audit_app = typer.Typer(invoke_without_command=True)
app.add_typer(audit_app, name="audit")


@audit_app.callback()
def _audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="Entries shown.")] = 20,
    json: AsJson = False,
    config: Configuration = FILE,
) -> None:
    """Shows who changed what and why, the latest first, and the head of the chain."""
    from gateway.cli.audit import audit

    if context.invoked_subcommand is None:
        audit(config, limit, json)


@audit_app.command("verify")
def _verify(
    head: Annotated[str, typer.Option("--head", metavar="NUMBER:HASH", help="One that was kept elsewhere.")] = "",
    config: Configuration = FILE,
) -> None:
    """Says whether every entry is there, unchanged and in its place; exit code 1 when not."""
    from gateway.cli.audit import verify

    raise typer.Exit(verify(config, head))


@app.command("replay")
def _replay(
    route: RouteName,
    model: Annotated[
        str | None, typer.Option("--model", metavar="TAG", help="Another tag, or another model of the configuration.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Such as 7d ago, or a day such as 2026-01-31.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="The latest N records.")] = 100_000,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", metavar="TEXT", help='Such as "agreement >= 0.98"; may be repeated.'),
    ] = None,
    json: AsJson = False,
    config: Configuration = FILE,
) -> None:
    """Has another model, or other rules, answer recorded calls; exit code 1 when a requirement is not met."""
    from gateway.cli.replay import replay

    raise typer.Exit(replay(config, route, model, since, limit, require or (), json))


@app.command("erase")
def _erase(
    route: RouteName,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The business key; `-` reads it from standard input.")],
    reason: Reason = "",
    config: Configuration = FILE,
) -> None:
    """Removes one person from all that the gateway keeps, and lists what it cannot reach."""
    from gateway.cli.erase import erase

    erase(config, route, typer.get_text_stream("stdin").read().strip("\r\n") if key == "-" else key, reason)


@app.command("export")
def _export(
    route: RouteName,
    file: Annotated[Path, typer.Argument(metavar="FILE.parquet", help="Written whole, or not at all.")],
    decrypt: Annotated[bool, typer.Option("--decrypt", help="Opens what records hold encrypted.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="Such as 7d ago, or a day such as 2026-01-31.")
    ] = None,
    reason: Reason = "",
    config: Configuration = FILE,
) -> None:
    """Writes a route's records to a Parquet file, typed, in bounded memory."""
    from gateway.cli.export import export

    export(config, route, file, decrypt, since, reason)


@app.command("reseal")
def _reseal(reason: Reason = "", config: Configuration = FILE) -> None:
    """Seals what records hold encrypted with the key that seals now; exit code 1 where a key is missing."""
    from gateway.cli.reseal import reseal

    raise typer.Exit(reseal(config, reason))


@app.command("kept")
def _kept(
    prune: Annotated[
        bool, typer.Option("--prune", help="Removes what is too old, also where a clock seems to have jumped.")
    ] = False,
    reason: Reason = "",
    config: Configuration = FILE,
    json: AsJson = False,
) -> None:
    """Shows what the store holds and how old it is; exit code 1 where something is older than it may be."""
    from gateway.cli import kept

    if prune:
        kept.prune(config, reason)
    raise typer.Exit(kept.kept(config, json))


@app.command("demo")
def _demo(
    json: Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")] = False,
    calls: Annotated[int, typer.Option("--calls", metavar="N", min=1, max=1000, help="Applications a stage.")] = 1000,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where to run and to leave everything.")
    ] = None,
) -> None:
    """Takes the example from off to live on real data, and shows what happens in every stage."""
    from gateway.registry import adapter

    adapter("soap")  # which says what to install where its libraries, the demonstration's too, are missing
    from gateway.cli.demo import demo

    raise typer.Exit(demo(json, calls, folder))


@app.command("wsdl")
def _wsdl(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="WSDL files.")],
    json: Annotated[bool, typer.Option("--json", help="A JSON list; its shape stands in docs/cli.md.")] = False,
    decode: Annotated[
        Path | None, typer.Option("--decode", metavar="MESSAGE.xml", help="Prints a message's payload as JSON.")
    ] = None,
    encode: Annotated[
        Path | None, typer.Option("--encode", metavar="PAYLOAD.json", help="Prints the envelope of a payload.")
    ] = None,
    operation: Annotated[str | None, typer.Option("--operation", metavar="NAME", help="Of which operation.")] = None,
    response: Annotated[bool, typer.Option("--response", help="Encodes a response, not a request.")] = False,
) -> None:
    """Shows what of a WSDL is served and what is passed through, and why; exit code 1 when not all is served."""
    from gateway.cli import wsdl

    if (decode or encode) and len(files) > 1:
        raise ConfigError("--decode and --encode take one WSDL file")
    if decode:
        return wsdl.decode(files[0], decode, operation)
    if encode:
        return wsdl.encode(files[0], encode, operation, response)
    raise typer.Exit(wsdl.wsdl(files, json))


@app.command("formats")
def _formats(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A copybook, or YAML with `format:` as an adapter has it.")
    ],
    decode: Annotated[
        Path | None, typer.Option("--decode", metavar="RECORDS", help="Prints each record as a JSON object.")
    ] = None,
    encode: Annotated[
        Path | None, typer.Option("--encode", metavar="PAYLOAD.json", help="Prints the records of JSON objects.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="NAME", help="Of a copybook's records; cp037 if left out.")
    ] = None,
    record: Annotated[
        str | None, typer.Option("--record", metavar="NAME", help="The level-01 record, where there are several.")
    ] = None,
) -> None:
    """Shows where each field of a copybook's records stands, or decodes and encodes messages of any format."""
    from gateway.cli import formats

    formats.formats(file, decode, encode, encoding, record)


@app.command("backfill")
def _backfill(
    route: RouteName,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="CONDITION", help="COLUMN=VALUE, or <, >, <=, >=, !=; may be repeated."),
    ] = None,
    rate: Annotated[float, typer.Option("--rate", metavar="N", min=0.1, help="Calls a second at most.")] = 500.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Says what would be scored; writes nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Begins anew where an earlier run stopped.")] = False,
    config: Configuration = FILE,
) -> None:
    """Scores what the legacy system has answered long ago, for comparison."""
    from gateway.cli.backfill import backfill

    backfill(config, route, where or (), rate, dry_run, again)


@app.command("init")
def _init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there.")],
    wsdl: Annotated[str | None, typer.Option("--wsdl", metavar="FILE_OR_URL", help="The service's own WSDL.")] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Where the service answers today.")
    ] = None,
    operation: Annotated[
        str | None, typer.Option("--operation", metavar="NAME", help="The one that the commented route maps.")
    ] = None,
    db: Annotated[str | None, typer.Option("--db", metavar="URL", help="Instead: a legacy database.")] = None,
    table: Annotated[str | None, typer.Option("--table", metavar="NAME", help="Its table or view.")] = None,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="COLUMN", help="Of a view, each.")] = None,
) -> None:
    """Writes a configuration that passes a SOAP service through, or only reads a table, to begin with."""
    from gateway.cli import init

    if db and table and not wsdl:
        return init.database(db, table, key or (), folder)
    if db or table or not (wsdl and endpoint):
        raise ConfigError("say --wsdl and --endpoint of a service, or --db and --table of a database")
    init.soap(wsdl, endpoint, folder, operation)


AdapterName = Annotated[str, typer.Argument(metavar="ADAPTER", help="An adapter of the configuration.")]


@app.command("dead")
def _dead(
    adapter: AdapterName,
    show: Annotated[int, typer.Option("--show", metavar="N", min=0, help="Shows the oldest N whole.")] = 0,
    resubmit: Annotated[str | None, typer.Option("--resubmit", metavar="ID", help="Has this one tried again.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Has all of them tried again.")] = False,
    reason: Reason = "",
    json: AsJson = False,
    config: Configuration = FILE,
) -> None:
    """Shows what nobody could answer and what became of it, or has it tried again."""
    from gateway.cli import dead

    if resubmit is not None and everything:
        raise ConfigError("say --resubmit ID or --all, not both")
    if resubmit is None and not everything:
        return dead.dead(config, adapter, show, json)
    if show or json:
        raise ConfigError("--show and --json go with looking, not with --resubmit or --all")
    dead.resubmit(config, adapter, resubmit, reason)


@app.command("leave")
def _leave(
    adapter: AdapterName,
    patience: Annotated[
        float, typer.Option("--patience", metavar="SECONDS", min=0, help="How long to wait for what is under way.")
    ] = 60.0,
    config: Configuration = FILE,
) -> None:
    """Takes an adapter out of the legacy system again: hands back, removes what is ours, verifies."""
    from gateway.cli import adapters

    adapters.leave(config, adapter, patience)


def main() -> None:
    """The entry point of `understudy`."""
    app()
