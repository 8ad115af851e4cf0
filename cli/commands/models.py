"""`veriaidpo models`: convert checkpoints, list what is there, and verify it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.begin import begin
from connectors.model_store import ModelStore
from schemas.errors import MissingTool, ModelsDamaged

if TYPE_CHECKING:
    from streams.conversion.verification import Quality

DIFFERS = 1
PROBE = Path("probe") / "probe.jsonl"
HELD_OUT = Path("quality") / "held_out.jsonl"

app = typer.Typer(help="Convert, list and verify models.", no_args_is_help=True)

Folder = Annotated[
    Path | None, typer.Argument(help="The models' folder; else VERIAIDPO_MODELS_DIR, else the starter's.")
]
Probe = Annotated[
    Path | None,
    typer.Option("--probe", help="JSON lines with a `text`; else ../probe/probe.jsonl beside it."),
]


@app.command()
def convert(
    checkpoints: Annotated[Path, typer.Argument(help="A folder with one for each model type.")],
    out: Annotated[Path, typer.Argument(help="Where the model store goes.")],
    probe: Annotated[Path, typer.Option(help="JSON lines with a `text`: sentences to judge on.")],
) -> None:
    """Turn Hugging Face checkpoints into a model store; refuse where no scheme keeps the labels."""
    try:
        from streams.conversion.convert import convert as run
        from streams.conversion.probe import read_probe
    except ModuleNotFoundError as error:
        raise MissingTool(
            tool=f"the Python package {error.name}, which `veriaidpo models convert` needs",
            install="pip install 'veriaidpo-streams[torch]'",
        ) from error
    store = run(checkpoints, out, read_probe(_existing(probe)))
    console = Console()
    tried = Table("scheme", "products in fp32", "agree", "lowest", "labels changed by the batch", "taken")
    for attempt in store.manifest.tried:
        tried.add_row(
            attempt.scheme,
            str(attempt.fp32_kept),
            f"{attempt.agreement:.2%}",
            f"{attempt.lowest_agreement:.2%}",
            str(attempt.labels_changed),
            "yes" if attempt.passed else "no",
        )
    console.print(tried)
    console.print(f"Wrote {len(store.models)} models to {out}.", highlight=False)


@app.command("list")
def list_models(folder: Folder = None) -> None:
    """Show the models of a store: labels, versions, and agreement with fp32 when they were converted."""
    store = _store(folder)
    manifest = store.manifest
    table = Table("model type", "labels", "version", "agree with fp32")
    for name, head in manifest.models.items():
        table.add_row(name, str(len(head.labels)), head.version[:19], f"{head.agreement:.2%}")
    console = Console()
    console.print(table)
    size_mb = sum(stored.bytes for stored in manifest.files) / 1e6
    console.print(
        f"{store.folder}: {len(manifest.models)} models, one encoder ({manifest.encoder.scheme}), "
        f"{size_mb:.0f} MB, at most {store.max_tokens} tokens a text",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def verify(
    folder: Folder = None,
    probe: Probe = None,
    quality: Annotated[
        bool, typer.Option("--quality", help="Also measure on the held-out sentences that people labelled.")
    ] = False,
) -> None:
    """Check digests and versions, then classify the probe sentences again; exit 1 where labels differ."""
    from streams.conversion.checks import Limits
    from streams.conversion.probe import read_probe
    from streams.conversion.verification import verified_agreement

    store = _store(folder)
    found = verified_agreement(store, read_probe(_existing(probe or store.folder.parent / PROBE)))
    console = Console()
    table = Table("model type", "agree with fp32")
    for name, share in found.by_model.items():
        table.add_row(name, f"{share:.2%}")
    table.add_section()
    table.add_row(f"all {found.comparisons} comparisons", f"{found.overall:.2%}")
    console.print("Digests and versions are as the manifest says.")
    console.print(table)
    if quality:
        from streams.conversion.verification import quality as measured
        from streams.conversion.verification import read_held_out

        _print_quality(console, measured(store, read_held_out(_existing(store.folder.parent / HELD_OUT))))
    limits = Limits()
    if not found.passes(limits):
        console.print(
            f"Below {limits.agreement:.0%} of all labels, or {limits.lowest_agreement:.0%} of a model's.",
            style="bold red",
        )
        raise typer.Exit(DIFFERS)


def _print_quality(console: Console, by_model: Mapping[str, Quality]) -> None:
    table = Table("model type", "held-out sentences", "right as written", "right without diacritics")
    for name, found in by_model.items():
        table.add_row(
            name, str(found.sentences), f"{found.as_written:.1%}", f"{found.without_diacritics:.1%}"
        )
    count = len(by_model)
    table.add_section()
    table.add_row(
        "mean of the models",
        str(sum(found.sentences for found in by_model.values())),
        f"{sum(found.as_written for found in by_model.values()) / count:.1%}",
        f"{sum(found.without_diacritics for found in by_model.values()) / count:.1%}",
    )
    console.print(table)


def _store(folder: Path | None) -> ModelStore:
    return ModelStore(folder or begin().models_dir)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ModelsDamaged(reason=f"there is no {path}")
    return path
