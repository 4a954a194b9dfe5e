"""One predictor in C on a Cortex-M4: flash, RAM, executed instructions, decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.toolchain.host import STRICT

CORE = "cortex-m4"


@dataclass(frozen=True, slots=True)
class Predictor:
    """C that exports ``int32_t predict(const T *input)``: the number of the class.

    Attributes
    ----------
    model, tool : str
    sources : mapping of file name to text
    inputs : ndarray, shape (rows, ...)
        Rows as the C takes them.
    wanted : ndarray, shape (rows,)
        What the model it was made from answers (for trees scikit-learn).
    macs : int
        Multiply-accumulates of one call; 0 for trees.
    weights : int
        Bytes of the weights of a net (one per number, biases four) as the targets count them.
    flags : sequence of str
        Compiler flags besides those of every build.
    """

    model: str
    tool: str
    sources: Mapping[str, str | bytes]
    inputs: npt.NDArray[Any]
    wanted: npt.NDArray[np.int64]
    macs: int = 0
    weights: int = 0
    flags: Sequence[str] = STRICT


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    Attributes
    ----------
    flash : int
        Bytes of code and constants, those of libraries included, start-up not.
    ram : int
        Bytes of variables (working memory included) and stack.
    instructions : float
        Mean of the calls, the branch that calls included.
    agree, rows : int
        Rows with the wanted answer, of so many.
    profile : mapping of function name to instructions per call
    """

    flash: int
    ram: int
    instructions: float
    agree: int
    rows: int
    profile: Mapping[str, float]


def measure(one: Predictor, opt: str = "-O2") -> Figures:
    """Build and run a predictor."""
    image = build_elf(one.sources, cpu(CORE), opt=opt, flags=one.flags, keep=("predict",))
    emulator = Emulator(image)
    calls = [emulator.call("predict", row) for row in one.inputs]
    answers = np.array([call.value for call in calls])
    return Figures(
        image.flash,
        image.ram + max(call.stack for call in calls),
        float(np.mean([call.instructions for call in calls])) + 1,
        int((answers == one.wanted).sum()),
        len(calls),
        {name: count / len(calls) for name, count in emulator.profile().items()},
    )
