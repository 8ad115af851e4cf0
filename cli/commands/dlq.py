"""`veriaidpo dlq`: the dead letters: look, keep a copy, throw the oldest away."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from cli.begin import begin
from cli.codec import codec_of
from cli.dead_letters.export import whole_file, write_letter
from cli.dead_letters.output import COLUMNS, letter_cells, letter_fields, row, shown_lines, tally_lines
from cli.dead_letters.selection import Selection, Tally
from cli.dead_letters.unmasking import permitted_operator, record_unmasking
from cli.moments import FORMS, moment_ms, utc_text
from cli.settings import Settings
from connectors.dead_letters.letter import DeadLetter
from connectors.dead_letters.purging import delete_before
from connectors.dead_letters.reading import DeadLetters
from connectors.kafka.broker import cluster_of
from connectors.kafka.fetched import read_whatever_comes
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import refuse_unless_log_append_time
from schemas.taxonomy import model_type as known_model_type
from schemas.topics import DEAD_LETTERS

app = typer.Typer(help="Look at dead letters, keep a copy, throw the oldest away.", no_args_is_help=True)


def _moment(text: str) -> int:
    try:
        return moment_ms(text, now=datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(f"{error}; write {FORMS}") from error


Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Only this error code's; repeatable.")]
ModelTypes = Annotated[
    list[str] | None, typer.Option("--model-type", help="Only this model type's; repeatable.")
]
Tenants = Annotated[
    list[str] | None,
    typer.Option("--tenant", help="Only this tenant's, as the letter says; repeatable."),
]
Since = Annotated[
    int | None, typer.Option(parser=_moment, metavar="TIME", help=f"Letters from then on: {FORMS}.")
]
Until = Annotated[int | None, typer.Option(parser=_moment, metavar="TIME", help="Letters before then.")]
OriginalSince = Annotated[
    int | None, typer.Option(parser=_moment, metavar="TIME", help="Records that came in from then on.")
]
OriginalUntil = Annotated[
    int | None, typer.Option(parser=_moment, metavar="TIME", help="Records that came in before then.")
]


@app.command("list")
def list_letters(
    reason: Reasons = None,
    model_type: ModelTypes = None,
    tenant: Tenants = None,
    since: Since = None,
    until: Until = None,
    original_since: OriginalSince = None,
    original_until: OriginalUntil = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line for each, no counts.")] = False,
) -> None:
    """Print where each letter lies, when it came, why, and whose it is; then how many there are of what.

    A tenant with (?) is what the record's token says; nobody checked that token here.
    """
    selection = _selection(reason, model_type, tenant, since, until, original_since, original_until)
    out = Console(highlight=False, soft_wrap=True)
    tally = Tally()

    async def run(letters: DeadLetters) -> None:
        if not as_json:
            out.print(row(COLUMNS), style="bold")
        async with aclosing(_selected(letters, selection)) as found:
            async for letter in found:
                tally.add(letter)
                if as_json:
                    sys.stdout.write(json.dumps(letter_fields(letter)) + "\n")
                else:
                    out.print(row(letter_cells(letter)), markup=False)

    _with_letters(run)
    if not as_json:
        out.print(f"\n{tally.letters} letters", style="bold")
        _print_lines(out, tally_lines(tally))


@app.command()
def show(
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(min=0)],
    unmasked: Annotated[
        bool,
        typer.Option("--unmasked", help="As it is: needs VERIAIDPO_OPERATOR_TOKEN, and is written down."),
    ] = False,
) -> None:
    """Print one letter: where it was, why it is one, and what can be read of it, personal data masked.

    The token that came with the record is never printed.
    """
    settings = begin()
    operator = permitted_operator(settings) if unmasked else None

    async def run(letters: DeadLetters) -> None:
        letter = await letters.one(partition, offset)
        if operator is not None:
            record_unmasking(settings, operator, letter)
        _print_lines(Console(highlight=False, soft_wrap=True), shown_lines(letter, unmasked=unmasked))

    _with_letters(run, settings)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A .jsonl file that isn't there yet.")],
    reason: Reasons = None,
    model_type: ModelTypes = None,
    tenant: Tenants = None,
    since: Since = None,
    until: Until = None,
    original_since: OriginalSince = None,
    original_until: OriginalUntil = None,
) -> None:
    """Write letters to a file, unmasked, a JSON line for each: key, value and headers in base64.

    Tokens are left out. The file is its owner's alone, and appears when it is complete.
    """
    selection = _selection(reason, model_type, tenant, since, until, original_since, original_until)
    errors = Console(stderr=True, highlight=False)
    written = 0

    async def run(letters: DeadLetters) -> None:
        nonlocal written
        with whole_file(file) as out, _progress(errors) as progress:
            bar = progress.add_task("letters read", total=_size(letters.begins, letters.ends))
            async with aclosing(_selected(letters, selection, lambda: progress.advance(bar))) as found:
                async for letter in found:
                    write_letter(out, letter)
                    written += 1

    _with_letters(run)
    errors.print(f"{written} letters written to {file}", markup=False, soft_wrap=True)


@app.command()
def purge(
    before: Annotated[int, typer.Option(parser=_moment, metavar="TIME", help=f"Older than that: {FORMS}.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would go.")] = False,
) -> None:
    """Delete every letter that was appended before a time: all that a log can do. Says first what goes.

    Whatever their reason and tenant, all of them go. Nothing brings them back; `export` keeps a copy.
    """
    if before > datetime.now(UTC).timestamp() * 1000:
        raise typer.BadParameter("that time hasn't come yet", param_hint="--before")
    settings = begin()
    kafka = cluster_of(settings.kafka, settings.home)
    out = Console(highlight=False, soft_wrap=True)

    async def run(letters: DeadLetters) -> None:
        await refuse_unless_log_append_time(kafka, [DEAD_LETTERS])
        cut = await letters.at_time(before)
        cut = {partition: offset for partition, offset in cut.items() if offset > letters.begins[partition]}
        tally = Tally()
        async with aclosing(letters.read(stop={**letters.begins, **cut})) as found:
            async for letter in found:
                tally.add(letter)
        out.print(f"{tally.letters} letters were appended before {utc_text(before)}:", style="bold")
        _print_lines(out, tally_lines(tally))
        for partition, offset in cut.items():
            out.print(f"  partition {partition}: offsets {letters.begins[partition]} to {offset - 1}")
        if not cut:
            out.print("Nothing to delete.")
        elif not yes:
            out.print(
                "Nothing is deleted yet. All of these go, whatever their reason and tenant, with --yes."
            )
        else:
            await _delete(kafka, cut, out)

    _with_letters(run, settings)


async def _delete(kafka: KafkaSettings, cut: Mapping[int, int], out: Console) -> None:
    for partition, begin_offset in sorted((await delete_before(kafka, cut)).items()):
        out.print(f"deleted: partition {partition} begins at offset {begin_offset} now")


async def _selected(
    letters: DeadLetters, selection: Selection, passed: Callable[[], object] = lambda: None
) -> AsyncGenerator[DeadLetter, None]:
    start = None if selection.since_ms is None else await letters.at_time(selection.since_ms)
    async with aclosing(letters.read(start=start)) as found:
        async for letter in found:
            passed()
            if selection.takes(letter):
                yield letter


def _with_letters(
    run: Callable[[DeadLetters], Coroutine[object, object, None]], settings: Settings | None = None
) -> None:
    settings = settings or begin()
    read_whatever_comes()
    kafka = cluster_of(settings.kafka, settings.home)

    async def inside() -> None:
        servers = kafka.client_options()["bootstrap_servers"]
        async with DeadLetters(
            servers, codec=codec_of(settings), security=kafka.security_options()
        ) as letters:
            await run(letters)

    try:
        asyncio.run(inside())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _selection(
    reasons: list[str] | None,
    model_types: list[str] | None,
    tenants: list[str] | None,
    since: int | None,
    until: int | None,
    original_since: int | None,
    original_until: int | None,
) -> Selection:
    for name in model_types or ():
        known_model_type(name)
    return Selection(
        frozenset(reasons or ()),
        frozenset(model_types or ()),
        frozenset(tenants or ()),
        since,
        until,
        original_since,
        original_until,
    )


def _size(begins: Mapping[int, int], ends: Mapping[int, int]) -> int:
    return sum(end - begins[partition] for partition, end in ends.items())


def _progress(console: Console) -> Progress:
    """On a terminal; elsewhere only the last line tells."""
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def _print_lines(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, markup=False)
