"""Learning on the device, on this machine with sanitizers and as Cortex-M code, against the reference.

A recording is turned into calls of the C interface: detecting, learning, freezing, saving, restoring. Every
level must return the same codes, the same results and the same saved bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorai.cproject.runs import record
from sensorai.errors import DataError
from sensorai.model.knowledge import blob_bytes
from sensorai.model.pipeline import Int16, Pipeline
from sensorai.model.session import Session
from sensorai.toolchain.cpu import Cpu
from sensorai.writing import clang

#: Kinds of calls; the number is what the driver takes.
KINDS = ("detect", "learn", "freeze", "forget", "save", "restore", "init")

#: Samples that `compare` takes of a recording at most.
MOST = 40_000

#: Codes of the C interface.
FEW, FORMAT, MODEL, DAMAGED = -2, -3, -4, -5

DRIVER = """#include "NAME.h"
#include "harness.h"

NAME_t NAME_context;

int32_t NAME_command(uint32_t kind, const int16_t *samples, uint32_t count, NAME_result_t *results,
                     uint8_t *blob);

int32_t NAME_command(uint32_t kind, const int16_t *samples, uint32_t count, NAME_result_t *results,
                     uint8_t *blob)
{
    int32_t code = 0;
    uint32_t i;

    for (i = 0; kind <= 1U && i < count; i++) {
        int got;

        harness_begin();
        got = (kind == 1U) ? NAME_learn(&NAME_context, &samples[i * MACRO_CHANNELS])
                           : NAME_detect(&NAME_context, &samples[i * MACRO_CHANNELS], &results[code]);
        harness_end();
        if (got < 0) {
            return got;
        }
        code += got;
    }
    harness_begin();
    if (kind == 2U) {
        code = NAME_freeze(&NAME_context);
    }
    if (kind == 3U) {
        code = NAME_forget(&NAME_context);
    }
    if (kind == 4U) {
        code = NAME_save(&NAME_context, blob);
    }
    if (kind == 5U) {
        code = NAME_restore(&NAME_context, blob);
    }
    if (kind == 6U) {
        code = NAME_init(&NAME_context);
    }
    harness_end();
    return code;
}
"""

MAIN = """#include <stdlib.h>
#include "NAME.h"
#include "harness.h"

int32_t NAME_command(uint32_t kind, const int16_t *samples, uint32_t count, NAME_result_t *results,
                     uint8_t *blob);

int main(void)
{
    uint8_t blob[MACRO_BLOB_BYTES] = { 0 };
    uint32_t head[2];

    while (harness_read(head, sizeof head) == sizeof head) {
        /* of their sizes exactly, so that the sanitizer sees every step beyond */
        uint32_t bytes = head[1] * (uint32_t)(MACRO_CHANNELS * sizeof(int16_t));
        int16_t *samples = (int16_t *)malloc(bytes + 1U);
        NAME_result_t *results = (NAME_result_t *)calloc(head[1] + 1U, sizeof(NAME_result_t));
        int32_t code;

        if (samples == 0 || results == 0 || harness_read(samples, bytes) != bytes) {
            return 1;
        }
        if (head[0] == 5U && harness_read(blob, sizeof blob) != sizeof blob) {
            return 1;
        }
        code = NAME_command(head[0], samples, head[1], results, blob);
        harness_write(&code, sizeof code);
        if (head[0] == 0U && code > 0) {
            harness_write(results, (uint32_t)code * (uint32_t)sizeof(NAME_result_t));
        }
        if (head[0] == 4U) {
            harness_write(blob, sizeof blob);
        }
        free(samples);
        free(results);
    }
    return 0;
}
"""


@dataclass(frozen=True, slots=True)
class Command:
    """Calls of one kind.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    samples : int16 array, shape (n, channels), optional
        For ``detect`` and ``learn``.
    blob : bytes
        For ``restore``.
    """

    kind: str
    samples: Int16 | None = None
    blob: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command gave.

    Attributes
    ----------
    code : int
        Windows learnt or results; 0 or an error below 0.
    results : record array
        Of ``detect``: ``NAME_result_t``.
    blob : bytes
        Of ``save``.
    """

    code: int
    results: npt.NDArray[np.void]
    blob: bytes = b""


def reference(pipeline: Pipeline, commands: Sequence[Command]) -> list[Outcome]:
    """Return what the integer reference gives."""
    layout = record(pipeline)
    one, out, seen, before = Session(pipeline), [], 0, 255
    none = np.zeros(0, layout)
    for command in commands:
        code, results, blob = 0, none, b""
        if command.kind == "init":
            one, seen, before = Session(pipeline), 0, 255
        elif command.kind == "learn":
            code = one.learn(_samples(command, pipeline))
            seen += code
        elif command.kind == "detect":
            trace = one.detect(_samples(command, pipeline))
            code, results = len(trace), np.zeros(len(trace), layout)
            results["window"] = seen + np.arange(code)
            for name in ("scores", "answer", "decided", "saturated"):
                results["score" if name == "scores" else name] = getattr(trace, name)
            results["changed"] = np.concatenate([[before], trace.decided])[:code] != trace.decided
            before = int(trace.decided[-1]) if code else before
            seen += code
        elif command.kind == "freeze":
            code = 0 if one.freeze() else FEW
        elif command.kind == "forget":
            one.forget()
        elif command.kind == "save":
            blob = one.save()
        else:
            code = restore(one, command.blob)
        out.append(Outcome(code, results, blob))
    return out


def restore(one: Session, blob: bytes) -> int:
    """Restore, and name a refusal as C does: first the format, then the model, then the rest."""
    try:
        one.restore(blob)
    except DataError:
        own = one.save()
        if blob[:5] != own[:5]:
            return FORMAT
        return MODEL if (blob[5], blob[8:12]) != (own[5], own[8:12]) else DAMAGED
    return 0


def _samples(command: Command, pipeline: Pipeline) -> Int16:
    if command.samples is None:
        return np.zeros((0, len(pipeline.channels)), np.int16)
    return np.ascontiguousarray(command.samples)


def on_host(pipeline: Pipeline, sources: Mapping[str, str], commands: Sequence[Command]) -> list[Outcome]:
    """Run the C on this machine, with address and undefined-behaviour sanitizers.

    Raises
    ------
    ToolMissing, BuildError, RunError
    """
    from sensorai.toolchain.host import build_program

    everything = {**sources, "drive.c": _fill(DRIVER, pipeline), "main.c": _fill(MAIN, pipeline)}
    program = build_program(everything, sanitize=True, harness=True)
    stream = b""
    begin = [Command("init"), *commands]
    for command in begin:
        samples = _samples(command, pipeline)
        stream += np.array([KINDS.index(command.kind), len(samples)], "<u4").tobytes() + samples.tobytes()
        stream += command.blob if command.kind == "restore" else b""
    data, at, out = program.run(stream), 0, []
    layout, size = record(pipeline), blob_bytes(pipeline.inputs)
    for command in begin:
        code = int(np.frombuffer(data, "<i4", 1, at)[0])
        at += 4
        rows = max(code, 0) if command.kind == "detect" else 0
        results = np.frombuffer(data, layout, rows, at)
        at += rows * layout.itemsize
        blob = data[at : at + size] if command.kind == "save" else b""
        at += len(blob)
        out.append(Outcome(code, results, blob))
    return out[1:]


@dataclass(frozen=True, slots=True)
class LearningCost:
    """What learning costs on a Cortex-M; instructions and stack are emulated, bytes compiled.

    Attributes
    ----------
    core : str
    flash : int
        Bytes of code and tables with every function of the interface.
    ram : int
        Bytes of the context.
    knowledge : int
        Bytes of it that hold what was learnt.
    blob : int
        Bytes of a saved blob; as many lie in flash as the starting point.
    learn, detect : float
        Instructions of a call that completes a window, mean; 0 where there was none.
    freeze, save, restore : int
        Instructions, the most.
    stack : int
        Most bytes of stack in any call.
    """

    core: str
    flash: int
    ram: int
    knowledge: int
    blob: int
    learn: float
    detect: float
    freeze: int
    save: int
    restore: int
    stack: int


def emulated(
    pipeline: Pipeline, sources: Mapping[str, str], commands: Sequence[Command], cpu: Cpu, opt: str = "-O2"
) -> tuple[list[Outcome], LearningCost]:
    """Run the Cortex-M machine code in the emulator.

    Raises
    ------
    ToolMissing, BuildError, EmulatorFault
    """
    from sensorai.toolchain.arm import build_elf
    from sensorai.toolchain.emulator import Emulator

    name, layout, size = pipeline.name, record(pipeline), blob_bytes(pipeline.inputs)
    drive = {"drive.c": _fill(DRIVER, pipeline)}
    image = build_elf(sources, cpu, opt=opt, keep=(f"{name}_command",), harness=drive)
    emulator = Emulator(image)
    spent: dict[str, list[int]] = {kind: [] for kind in KINDS}
    out, stack, filled = [], 0, 0
    for command in [Command("init"), *commands]:
        samples = _samples(command, pipeline)
        results = np.zeros(len(samples) // pipeline.stride + 2, layout).view(np.uint8)
        blob = np.frombuffer(command.blob or bytes(size), np.uint8).copy()
        # a driver that is given no sample still wants an address
        given = samples if len(samples) else np.zeros((1, samples.shape[1]), np.int16)
        kind = KINDS.index(command.kind)
        call = emulator.call(f"{name}_command", kind, given, len(samples), results, blob)
        code, stack = int(call.value), max(stack, call.stack)
        filled = 0 if command.kind == "init" else filled
        if command.kind in ("learn", "detect"):
            for count in call.marked[: len(samples)]:
                filled += 1
                if filled == pipeline.window:
                    spent[command.kind].append(count)
                    filled = pipeline.window - pipeline.stride
        else:
            spent[command.kind].append(call.marked[-1])
        rows = code if command.kind == "detect" else 0
        saved = blob.tobytes() if command.kind == "save" else b""
        out.append(Outcome(code, results.view(layout)[:rows].copy(), saved))
    most = {kind: max(counts, default=0) for kind, counts in spent.items()}
    mean = {kind: float(np.mean(counts)) if counts else 0.0 for kind, counts in spent.items()}
    context = image.symbol(f"{name}_context").size
    d, entries = pipeline.inputs, (size - 24 - pipeline.inputs) // 6
    return out[1:], LearningCost(
        cpu.name,
        image.flash,
        context,
        -(-(6 * entries + d + 7) // 4) * 4,
        size,
        mean["learn"],
        mean["detect"],
        most["freeze"],
        most["save"],
        most["restore"],
        stack,
    )


def _fill(text: str, pipeline: Pipeline) -> str:
    return clang.filled(text, NAME=pipeline.name, MACRO=pipeline.name.upper())


def first_difference(expected: Sequence[Outcome], got: Sequence[Outcome]) -> str:
    """Name the first command whose outcomes differ, and how; empty where none does."""
    for place, (a, b) in enumerate(zip(expected, got, strict=True)):
        if a.code != b.code:
            return f"command {place}: {b.code} was returned where {a.code} was expected"
        if a.results.tobytes() != b.results.tobytes():
            row = int(np.flatnonzero(a.results != b.results)[0])
            return f"command {place}: result {row} is {b.results[row]} where {a.results[row]} was expected"
        if a.blob != b.blob:
            at = next(
                (i for i, pair in enumerate(zip(a.blob, b.blob, strict=False)) if pair[0] != pair[1]), 0
            )
            return f"command {place}: saved byte {at} of {len(a.blob)} differs"
    return ""


def exercise(pipeline: Pipeline, samples: Int16) -> list[Command]:
    """Turn a recording into every kind of command, a refused one and a restored one among them."""
    third = max(len(samples) // 3, 1)
    first, second, rest = samples[:third], samples[third : 2 * third], samples[2 * third :]
    known = Session(pipeline).save()
    damaged = known[:-1] + bytes([known[-1] ^ 1])
    return [
        Command("detect", first),
        *(Command("forget"), Command("freeze"), Command("learn", first), Command("learn", second)),
        *(Command("freeze"), Command("save"), Command("detect", rest), Command("restore", blob=damaged)),
        *(Command("detect", first), Command("restore", blob=known), Command("learn", rest)),
        *(Command("freeze"), Command("detect", second), Command("save")),
    ]


def compare(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Int16, cpu: Cpu | None
) -> tuple[int, str]:
    """Run `exercise` with the first samples on this machine (``cpu`` None) or an emulated core.

    Returns
    -------
    windows : int
        Learnt and judged.
    difference : str
        The first one; empty where there is none.
    """
    return measured(pipeline, sources, samples, cpu)[:2]


def measured(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Int16, cpu: Cpu | None
) -> tuple[int, str, LearningCost | None]:
    """Compare as `compare` does, and say what the run cost; None on this machine."""
    script = exercise(pipeline, samples[:MOST])
    expected = reference(pipeline, script)
    cost = None
    if cpu is None:
        got = on_host(pipeline, sources, script)
    else:
        got, cost = emulated(pipeline, sources, script, cpu)
    fed = [one.code for command, one in zip(script, expected, strict=True) if command.samples is not None]
    return sum(fed), first_difference(expected, got), cost
