"""The one command, `veriaidpo`.

Only the module of the command that was asked for is imported: a bridge never loads Faust or ONNX Runtime,
and a machine that has one role's dependencies can run that role.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from importlib import import_module

import typer
from rich.console import Console

from schemas.errors import MissingTool, VeriAIDPOError

COMMANDS = (
    "broker",
    "topics",
    "worker",
    "bridge",
    "sink",
    "db",
    "tenant",
    "publish",
    "results",
    "dlq",
    "token",
    "models",
    "demo",
    "up",
)
# Which extra brings a package, for the line that says what to install.
EXTRA_OF = {
    "aiosqlite": "database",
    "alembic": "database",
    "asyncpg": "database",
    "sqlalchemy": "database",
    "faust": "worker",
    "msgpack": "worker",
    "numpy": "worker",
    "onnxruntime": "worker",
    "prometheus_client": "worker",
    "safetensors": "worker",
    "tokenizers": "worker",
    "fastapi": "bridge",
    "uvicorn": "bridge",
    "confluent_kafka": "registry",
    "onnx": "torch",
    "torch": "torch",
    "transformers": "torch",
}
EX_USAGE_OR_STATE = 2


def main() -> None:
    """Run the command on the command line; a typed error ends it with two sentences and exit code 2."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # as soon as it is imported, it names its plugins
    try:
        build(sys.argv[1:])()
    except VeriAIDPOError as error:
        report(error)
        raise SystemExit(EX_USAGE_OR_STATE) from None
    except ModuleNotFoundError as error:  # a subcommand that needs more than its command
        missing = _missing(" ".join(sys.argv[1:3]), error)
        if not isinstance(missing, VeriAIDPOError):
            raise
        report(missing)
        raise SystemExit(EX_USAGE_OR_STATE) from None


def build(arguments: Iterable[str]) -> typer.Typer:
    """The command line's parser: with the command that `arguments` name, or with all, for the help."""
    wanted = [word for word in arguments if not word.startswith("-")][:1]
    app = typer.Typer(
        name="veriaidpo",
        help="Classify Vietnamese data-protection sentences over Kafka.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,  # its tracebacks print local variables: texts and tokens among them
        add_completion=False,
    )
    app.callback()(lambda: None)  # keeps a lone registered command a subcommand
    only = [name for name in COMMANDS if name in wanted]
    for name in only or COMMANDS:
        try:
            _register(app, name)
        except ModuleNotFoundError as error:
            if only:
                raise _missing(name, error) from error
    return app


def report(error: VeriAIDPOError) -> None:
    """Print what happened and what to do next, in English and Vietnamese."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"{error.code}: {error.text}", style="bold red", markup=False)
    console.print(error.text_vi, style="red", markup=False)


def _register(app: typer.Typer, name: str) -> None:
    module = import_module(f"cli.commands.{name}")
    group = getattr(module, "app", None)
    if isinstance(group, typer.Typer):
        app.add_typer(group, name=name)
    else:
        app.command(name)(getattr(module, name))


def _missing(command: str, error: ModuleNotFoundError) -> Exception:
    package = (error.name or "").split(".")[0]
    if package not in EXTRA_OF:
        return error
    return MissingTool(
        tool=f"the Python package {package}, which `veriaidpo {command}` needs",
        install=f"pip install 'veriaidpo-streams[{EXTRA_OF[package]}]'",
    )


if __name__ == "__main__":
    main()
