"""The page of integer features, made from the catalogue: ``python -m sensorai.codegen.featuredoc``."""

from __future__ import annotations

import sys

from sensorai.codegen.panes import MAX_PANES, MIN_STRIDE
from sensorai.features import catalogue
from sensorai.features.catalogue import MAX_WINDOW, QUANTITIES, SIGNALS, IntFeature, Quantity
from sensorai.features.spectrum import MAX_LENGTH

#: Window of the examples of ranges and factors.
WINDOW = 100


INTRODUCTION = """# Integer features

What models in C (ISPU, Cortex-M) look at. Made from `sensorai/features/catalogue.py`; do not edit.

A feature is a quantity of a signal, written together: `MEAN`, `JERK_STD`, `NORM_PEAKS`,
`NORM_JERK_RMS`. Input is a window of int16 counts of the sensor; the result is an exact whole number
within int32, the same in the reference (NumPy), in C on any machine, and in the emulator. n is the
number of samples of the signal, k the least whole number with 2^k >= n. The factor turns the number
into the one of the textbook, in counts.

## Signals

| prefix | channels | what it is |
|---|---:|---|"""

REST = f"""## Windows that overlap

Where the window is a multiple of the stride, sums, squares, extremes and products of two axes are kept
for each stride and joined, so that a window scans its newest stride only, and the norm of three axes is
computed once a sample. What depends on the mean or the scale of the whole window, or on its order
(crossings, peaks, skewness, kurtosis, envelope, spectrum), is computed from its samples: an FFT of a
shifted window is another FFT. Where no feature needs these, only one stride of samples is kept in
memory. Results are the same in every bit. Strides shorter than {MIN_STRIDE} samples, or more than
{MAX_PANES} to a window, are not shared: joining would cost as much as it saves.

## High rates

A window has at most {MAX_WINDOW} samples, a transform at most {MAX_LENGTH} (the newest of the window).
Samples are int16 counts: of a sensor with wider ones (IIS3DWB10IS: 20 bits) the upper 16 bits are
taken, as the generated ISPU program says. What a sample and a window cost on a core is in every report
(instructions, emulated): hold it against the rate."""


def markdown() -> str:
    """Return ``docs/features.md``."""
    lines = INTRODUCTION.splitlines()
    for signal in SIGNALS:
        prefix = f"`{signal.prefix}`" if signal.prefix else "(none)"
        lines.append(f"| {prefix} | {signal.inputs} | {_cell(signal.formula)} |")
    lines += [
        "",
        "## Quantities",
        "",
        f"Range and factor for a window of {WINDOW} samples of one channel.",
        "",
        "| quantity | takes | what it is | range | factor |",
        "|---|---|---|---|---:|",
    ]
    lines += [_row(q) for q in QUANTITIES]
    lines += ["", *REST.splitlines(), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _row(quantity: Quantity) -> str:
    feature = IntFeature(quantity.name, tuple(range(quantity.inputs)))
    low, high = catalogue.limits(feature, WINDOW)
    factor = catalogue.factor(feature, WINDOW)
    takes, formula = quantity.takes or "—", _cell(quantity.formula)
    return f"| `{quantity.name}` | {takes} | {formula} | {low:,} to {high:,} | {factor:.6g} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
