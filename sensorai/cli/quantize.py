"""``sensorai quantize``: a float net and inputs for it become an integer net, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorai.cli import out as printing
from sensorai.cli.analyze import Float32, Freeze, ModelFile, ModelType, Shapes, asked_of

if TYPE_CHECKING:
    from sensorai.nets.quantized_file import Told

#: Share of numbers beyond the ends from which on it is said.
_TOLD = 0.001
#: Schemes in which nothing is computed in integers.
_WEIGHTS_ALONE = ("weights-int8", "float32")


def run(
    model: ModelFile,
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Inputs as they occur: .npz (inputs by name, or x; y: labels), .npy, .csv.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.onnx", help="Where the integer net goes.")],
    scheme: Annotated[
        str,
        typer.Option(
            metavar="int8|int16x8|weights-int8|float32",
            help="Weights and activations; activations of 16 bits; weights alone; nothing but --dictionary.",
        ),
    ] = "int8",
    ranges: Annotated[
        str,
        typer.Option(
            metavar="auto|minmax|percentile|mse",
            help="Ends of activations: of all numbers, all but 0.01 % at each end, least square error.",
        ),
    ] = "auto",
    budget: Annotated[
        float | None,
        typer.Option(
            help="Allowed loss (of accuracy with labels, else of the cosine): layers stay float for it."
        ),
    ] = None,
    dictionary: Annotated[
        str,
        typer.Option(
            metavar="BITS|off",
            help="Round weights to 2^BITS numbers a layer; flash holds places: 1, 2, 4 bits; 8 of float32. "
            "off: none, not even where weights are few as they are.",
        ),
    ] = "0",
    samples: Annotated[int, typer.Option(help="Calls to calibrate with at most.")] = 256,
    type_: ModelType = None,
    shape: Shapes = [],  # noqa: B006
    freeze: Freeze = [],  # noqa: B006
    float32: Float32 = False,
    json: printing.Json = False,
) -> None:
    """Quantise a float net after training: weights by output, activations by what the data make of them.

    The file is ONNX with pairs of quantise and dequantise, which 'generate' and other tools read. It is read
    back, and must compute the same to the bit; onnxruntime runs it too where it is installed. What is lost
    beside the float net is told, on calls that calibration did not see where there are 20 or more.
    """
    from sensorai.errors import ConfigError
    from sensorai.nets.model import open_model
    from sensorai.nets.quantized_file import make
    from sensorai.nets.quantizing import Settings
    from sensorai.nets.widened import widened

    if out.suffix.lower() != ".onnx":
        raise ConfigError(f"--out {out} is no name of an ONNX file", hint="as in --out net_int8.onnx")
    bits = 0 if dictionary == "off" else _bits(dictionary)
    asked = asked_of(type_, shape, freeze, dictionary="off" if dictionary == "off" else None, float32=float32)
    opened = open_model(model, asked)
    wide = widened(opened, asked)
    with printing.progress() as say:
        settings = Settings(scheme, ranges, budget, samples, bits)
        told = make(opened, data, out, settings, say, asked.dictionaries)
    if json:
        printing.print_json(told.figures() | ({} if wide is None else {"float32": wide.figures()}))
        return
    if wide is not None:
        printing.console().print(wide.words(), soft_wrap=True)
    _print(told, out, budget, " --dictionary off" if dictionary == "off" else "")


def _bits(text: str) -> int:
    """Bits of a place; a ConfigError where they are no number."""
    from sensorai.errors import ConfigError

    if not (text.isascii() and text.isdigit() and len(text) < 4):
        raise ConfigError(f"--dictionary {text!r} is no number of bits", hint="1, 2, 4 or 8, or off")
    return int(text)


def _print(told: Told, out: Path, budget: float | None, more: str) -> None:
    from rich.table import Table

    from sensorai.nets.costs import saved_words

    found: dict[str, Any] = told.figures()
    screen = printing.console()
    for note in found["notes"]:
        screen.print(f"note: {note}")
    how = [] if found["scheme"] in _WEIGHTS_ALONE else [f"ranges {found['ranges']}"]
    how += [f"even channels ({found['even_pairs']})"] if found["even_pairs"] else []
    how += ["biases corrected"] if found["biases_corrected"] else []
    how.append(f"calibrated with {found['calibrated']} calls")
    screen.print(f"{found['scheme']}: {', '.join(how)}")
    for one in found["tried"]:
        screen.print(f"  tried {one['way']}: error {_number(one['error'])}")
    table = Table(box=None)
    for heading in ("layer", "operator"):
        table.add_column(heading, overflow="ellipsis", max_width=36)
    for heading in ("parameters", "error alone", "weights"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in found["layers"]:
        numbers = f"{layer['parameters']:,}", _number(layer["error"])
        table.add_row(layer["name"], layer["operator"], *numbers, layer["weights"])
    screen.print(table)
    screen.print(_floats(found), soft_wrap=True)
    where = "not seen by calibration" if found["apart"] else "the SAME that it was calibrated with"
    screen.print(f"beside the float net, on {found['judged']} calls {where}:")
    if budget is not None:
        screen.print(
            f"  (the budget of {budget:g} of the {found['budget_of']} chose layers on these calls, too)"
        )
    for row in found["outputs"]:
        cells = ", ".join(f"{k} {row[k]:.4g}" for k in ("error", "rmse", "cos", "acc") if row[k] is not None)
        screen.print(f"  {row['output']}: {cells}")
        if (row["saturated"] or 0) >= _TOLD:
            screen.print(
                f"  {row['output']}: {row['saturated']:.1%} of its numbers lie beyond its integers: give "
                "more data" + ("" if found["ranges"] == "minmax" else ", or --ranges minmax"),
                soft_wrap=True,
            )
    for row in found["outputs"]:
        if row["accuracy"] is not None:
            of = "" if len(found["outputs"]) == 1 else f" of {row['output']}"
            screen.print(f"  accuracy{of}: before {row['accuracy'][0]:.2%}, after {row['accuracy'][1]:.2%}")
    before, after = found["weight_bytes"]
    screen.print(f"weights (flash): {before:,} bytes before, {after:,} after")
    if after > before:
        screen.print(
            f"warning: that is {after - before:,} bytes MORE flash: scales take more than the weights save",
            soft_wrap=True,
        )
    for line in (*saved_words(told.after), *_without(found)):
        screen.print(line, soft_wrap=True)
    arena = ["not known" if b is None else f"{b:,}" for b in found["arena_bytes"]]
    screen.print(f"activations (arena): {arena[0]} bytes before, {arena[1]} after")
    screen.print(found["read_back"])
    screen.print(found["onnxruntime"])
    if found["unchanged"]:
        within = "" if budget is None else f" within a budget of {budget:g}"
        screen.print(f"{out}: nothing became integer{within}", soft_wrap=True)
        if budget is None:
            screen.print("dictionaries save nothing worth their code in this net")
            return
        screen.print("give a larger --budget, or a --scheme that loses less: int16x8, weights-int8")
        return
    screen.print(f"{out}: sensorai generate {out} --target stm32|ispu{more}", soft_wrap=True)


def _floats(found: dict[str, Any]) -> str:
    """Every layer that computes in float."""
    keys = ("stay_float", "stay_float_operators", "stay_float_reasons")
    rows = zip(*(found[key] for key in keys), strict=True)
    named = [f"{name} ({operator}: {reason})" for name, operator, reason in rows]
    if not named:
        return "float: no layer"
    if found["scheme"] in _WEIGHTS_ALONE:
        return "float: all layers compute in float in this scheme"
    return f"float: {', '.join(named)}"


def _without(found: dict[str, Any]) -> list[str]:
    """Why layers have no dictionary that was asked for."""
    lines = []
    if found["no_dictionary"]:
        lines.append(f"dictionaries: not for recurrent layers ({', '.join(found['no_dictionary'])})")
    others = len(found["layers"]) > sum(layer["name"] in found["no_dictionary"] for layer in found["layers"])
    if found["dictionary"] and not found["saved_bytes"] and others:
        of = " of other layers" if lines else ""
        lines.append(f"dictionaries{of}: none, they would save nothing worth its code")
    return lines


def _number(error: float | None) -> str:
    return "not finite" if error is None else f"{error:.4g}"
