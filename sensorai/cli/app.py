"""The verbs put together."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated

import typer

from sensorai.cli import (
    analyze,
    benchmark,
    build,
    capture,
    compare,
    convert,
    decode,
    devices,
    doctor,
    encode,
    features,
    firmware,
    generate,
    knowledge,
    load,
    monitor,
    quantize,
    search,
    simulate,
    supported_ops,
    train,
    validate,
)
from sensorai.cli import inspect as inspect_verb
from sensorai.version import __version__

app = typer.Typer(
    name="sensorai",
    help="Edge AI for motion sensors: from logs to something that runs on the chip, proved on the desk.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sensorai {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


#: Every verb by name, in the order of the help.
VERBS = {
    verb.__name__.rpartition(".")[2].replace("_", "-"): verb.run
    for verb in (
        train,
        search,
        simulate,
        validate,
        compare,
        build,
        decode,
        encode,
        analyze,
        benchmark,
        generate,
        quantize,
        supported_ops,
        features,
        inspect_verb,
        knowledge,
        convert,
        capture,
        load,
        monitor,
        firmware,
        devices,
        doctor,
    )
}


def _help(verb: Callable[..., None]) -> str:
    """Docstring of a verb with a line for each paragraph, which the terminal breaks; examples as they are."""
    paragraphs = inspect.cleandoc(verb.__doc__ or "").split("\n\n")
    return "\n\n".join(p if p.startswith("  ") else " ".join(p.split()) for p in paragraphs)


for _name, _run in VERBS.items():
    app.command(name=_name, help=_help(_run))(_run)
