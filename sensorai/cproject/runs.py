"""A generated C project on recordings: on this machine, with sanitizers, or as Cortex-M code in an emulator.

Every level takes the same counts and must give the same scores, answers and decisions as the integer
reference (``sensorai.model.pipeline.run``), window by window.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensorai.codegen.parts import Call, body
from sensorai.codegen.project import Project
from sensorai.divergence import Divergence, first_divergence
from sensorai.errors import InternalError
from sensorai.features.filters import run_filters
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.toolchain.cpu import Cpu
from sensorai.writing import clang

if TYPE_CHECKING:
    from sensorai.toolchain.arm import Image

Int16 = npt.NDArray[np.int16]

#: Feeds samples and keeps every result; the marks are for counting instructions.
DRIVER = """#include "NAME.h"
#include "harness.h"

NAME_t NAME_context;

uint32_t NAME_drive(const int16_t *samples, uint32_t count, NAME_result_t *results, uint8_t fresh);

uint32_t NAME_drive(const int16_t *samples, uint32_t count, NAME_result_t *results, uint8_t fresh)
{
    uint32_t i;
    uint32_t made = 0;

    if (fresh != 0U) {
        (void)NAME_init(&NAME_context);
    }
    for (i = 0; i < count; i++) {
        int got;

        harness_begin();
        got = NAME_push(&NAME_context, &samples[i * MACRO_CHANNELS], &results[made]);
        harness_end();
        if (got == 1) {
            made++;
        }
    }
    return made;
}
"""

MAIN = """#include <stdio.h>
#include "NAME.h"

int main(void)
{
    static NAME_t context;
    NAME_result_t result;
    int16_t sample[MACRO_CHANNELS];

    (void)NAME_init(&context);
    while (fread(sample, sizeof sample, 1, stdin) == 1) {
        if (NAME_push(&context, sample, &result) == 1) {
            (void)fwrite(&result, sizeof result, 1, stdout);
        }
    }
    NAME_deinit(&context);
    return 0;
}
"""

#: Sources of what was run.
EMULATED = "emulated"
IN_QEMU = "emulated, QEMU"

#: Samples in one emulated call: the emulator keeps that many marks.
CHUNK = 65536


def _fill(text: str, pipeline: Pipeline) -> str:
    return clang.filled(text, NAME=pipeline.name, MACRO=pipeline.name.upper())


def record(pipeline: Pipeline) -> np.dtype[np.void]:
    """Layout of ``NAME_result_t``, the same on every target."""
    score = "<f4" if pipeline.float_scores else "<i4"
    fields = [
        ("window", "<u4"),
        ("saturated", "<u4"),
        *([("samples", "<u4")] if pipeline.event is not None else []),
        ("score", score, (len(pipeline.classes),)),
        ("answer", "u1"),
        ("decided", "u1"),
        ("changed", "u1"),
        ("pad", "u1"),
    ]
    return np.dtype(fields)


def on_host(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Sequence[Int16]
) -> list[npt.NDArray[np.void]]:
    """Run the C on this machine with address and undefined-behaviour sanitizers, a fresh start per log.

    Raises
    ------
    ToolMissing, BuildError, RunError
    """
    from sensorai.toolchain.host import build_program

    program = build_program({**sources, "main.c": _fill(MAIN, pipeline)}, sanitize=True)
    layout = record(pipeline)
    return [np.frombuffer(program.run(np.ascontiguousarray(x).tobytes()), layout) for x in samples]


@dataclass(frozen=True, slots=True)
class Cost:
    """What the project costs on a Cortex-M.

    Attributes
    ----------
    core : str
    flash, ram : int
        Bytes of code and tables, and of the context (``sizeof(NAME_t)``) and variables: compiled.
    instructions_mean, instructions_most : float
        Of one push that completes a window: emulated.
    instructions_sample : float
        Of one push that does not (mean): emulated.
    stack : int
        Most bytes of stack: emulated.
    cycles : float or None
        Per window, an estimate from kinds of instructions; None where there is no model of the core.
    source : str
        What ran the code, in the words of reports.
    """

    core: str
    flash: int
    ram: int
    instructions_mean: float
    instructions_most: int
    instructions_sample: float
    stack: int
    cycles: float | None
    source: str = EMULATED


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of a project on a Cortex-M, nothing run.

    Attributes
    ----------
    core : str
    flash, ram : int
        As in ``Cost``: compiled.
    stack : int
        Of one push, added up from the frames that the compiler states.
    stack_unknown : tuple of str
        Why ``stack`` is no upper bound; empty where it is.
    """

    core: str
    flash: int
    ram: int
    stack: int
    stack_unknown: tuple[str, ...]


def _build(pipeline: Pipeline, sources: Mapping[str, str], cpu: Cpu, opt: str) -> Image:
    from sensorai.toolchain.arm import build_elf

    drive = f"{pipeline.name}_drive"
    return build_elf(sources, cpu, opt=opt, keep=(drive,), harness={"drive.c": _fill(DRIVER, pipeline)})


def sizes(pipeline: Pipeline, sources: Mapping[str, str], cpu: Cpu, opt: str = "-O2") -> Sizes:
    """Build the Cortex-M machine code and run nothing.

    Raises
    ------
    ToolMissing, BuildError
    """
    image = _build(pipeline, sources, cpu, opt)
    name = pipeline.name
    bound = image.stack.bound(f"{name}_push")
    ram = image.ram + image.symbol(f"{name}_context").size
    return Sizes(cpu.name, image.flash, ram, bound.bytes, bound.unknown)


def emulated(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Sequence[Int16], cpu: Cpu, opt: str = "-O2"
) -> tuple[list[npt.NDArray[np.void]], Cost]:
    """Run the Cortex-M machine code, a fresh start per log: in Unicorn, or QEMU where Unicorn lacks the core.

    Raises
    ------
    ToolMissing, BuildError, EmulatorFault, RunError
    """
    if not cpu.unicorn:
        return _in_qemu(pipeline, sources, samples, cpu, opt)
    from sensorai.toolchain.cycles import TIMINGS, estimate
    from sensorai.toolchain.emulator import Emulator

    name = pipeline.name
    image = _build(pipeline, sources, cpu, opt)
    emulator = Emulator(image)
    layout = record(pipeline)
    out: list[npt.NDArray[np.void]] = []
    # an entry for each sample of all logs: whole numbers of eight bytes, not objects
    with_result, without = array("q"), array("q")
    stack = 0
    cycles = 0.0
    for log in samples:
        parts = []
        marked: list[int] = []
        for start in range(0, max(len(log), 1), CHUNK):
            piece = np.ascontiguousarray(log[start : start + CHUNK])
            results = np.zeros(len(piece) // pipeline.stride + 2, layout).view(np.uint8)
            call = emulator.call(
                f"{name}_drive", piece, len(piece), results, int(start == 0), returns="uint32"
            )
            made = int(call.value)
            parts.append(results.view(layout)[:made].copy())
            stack = max(stack, call.stack)
            marked += call.marked
        _sort_pushes(pipeline, log, marked, with_result, without)
        out.append(np.concatenate(parts))
    if cpu.name in TIMINGS:
        cycles = float(estimate(cpu, emulator.counter) or 0) / max(len(with_result), 1)
    context = image.symbol(f"{name}_context").size
    return out, Cost(
        cpu.name,
        image.flash,
        image.ram + context,
        float(np.mean(with_result)) if with_result else 0.0,
        max(with_result, default=0),
        float(np.mean(without)) if without else 0.0,
        stack,
        cycles or None,
    )


def _sort_pushes(
    pipeline: Pipeline, log: Int16, counts: Sequence[int], with_result: array[int], without: array[int]
) -> None:
    """Tell the pushes of one log that complete a window from the others."""
    if pipeline.event is not None:
        ends = set((run_events(pipeline, log) - 1).tolist())
        for i, count in enumerate(counts):
            (with_result if i in ends else without).append(count)
        return
    filled = 0
    for count in counts:
        filled += 1
        if filled == pipeline.window:
            with_result.append(count)
            filled = pipeline.window - pipeline.stride
        else:
            without.append(count)


def run_events(pipeline: Pipeline, log: Int16) -> npt.NDArray[np.int64]:
    """Samples seen at the end of each window that an event opens in a log."""
    assert pipeline.event is not None  # noqa: S101
    filtered = run_filters(pipeline.filters, log) if pipeline.filters else log
    return pipeline.event.ends(filtered)


def _in_qemu(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Sequence[Int16], cpu: Cpu, opt: str
) -> tuple[list[npt.NDArray[np.void]], Cost]:
    """Do the same in QEMU; sizes are those of the build without QEMU's files."""
    from sensorai.cproject.inqemu import in_qemu

    built = sizes(pipeline, sources, cpu, opt)
    ran = in_qemu(pipeline, sources, _fill(DRIVER, pipeline), samples, record(pipeline), cpu, opt)
    with_result, without = array("q"), array("q")
    start = 0
    for log in samples:
        _sort_pushes(pipeline, log, ran.marked[start : start + len(log)], with_result, without)
        start += len(log)
    return ran.results, Cost(
        cpu.name,
        built.flash,
        built.ram,
        float(np.mean(with_result)) if with_result else 0.0,
        max(with_result, default=0),
        float(np.mean(without)) if without else 0.0,
        ran.stack,
        None,
        IN_QEMU,
    )


def layer_instructions(
    pipeline: Pipeline,
    sources: Mapping[str, str],
    project: Project,
    samples: Int16,
    cpu: Cpu,
    opt: str = "-O2",
) -> list[int] | None:
    """Instructions of each layer of a net in one window, emulated.

    A copy of the source with marks around every statement of the model is built and run on the first whole
    window of ``samples``; copying and zeroing count to the layer that reads the result. The marks keep the
    compiler from merging layers, so the sum may differ a little from the unmarked model.

    Parameters
    ----------
    pipeline : Pipeline
    sources : mapping of name to text
        As they lie in the project.
    project : Project
        The same pipeline as it was emitted for the target: its layers and the statements that run them.
    samples : ndarray of int16, shape (samples, channels)
    cpu : Cpu
    opt : str
        Optimisation of the compiler.

    Returns
    -------
    list of int, or None
        One entry per layer, 0 for one that needs no statement; None where the model is no net, or there is
        no whole window.
    """
    from sensorai.toolchain.host import support

    name = pipeline.name
    calls = project.calls
    if not calls or len(samples) < pipeline.window:
        return None
    changed = _marked(sources[f"{name}.c"], calls)
    changed = changed.replace(f'#include "{name}.h"\n', f'#include "{name}.h"\n#include "harness.h"\n', 1)
    driver = (
        _fill(DRIVER, pipeline)
        .replace("        harness_begin();\n", "")
        .replace("        harness_end();\n", "")
    )
    marked_sources = {**sources, f"{name}.c": changed}
    # one run of the net: a window, or what is new in one
    size = pipeline.stride if pipeline.stream else pipeline.window
    if pipeline.event is not None:
        ends = run_events(pipeline, samples)
        if not len(ends):
            return None
        size = int(ends[0])
    piece = np.ascontiguousarray(samples[:size])
    if cpu.unicorn:
        counts = _marks(
            pipeline, {**marked_sources, "harness.h": support("harness.h")}, driver, piece, cpu, opt
        )
    else:
        from sensorai.cproject.inqemu import in_qemu

        ran = in_qemu(pipeline, marked_sources, driver, [piece], record(pipeline), cpu, opt)
        counts = ran.marked
    out = [0] * len(project.layers)
    for count, layer in zip(counts, _layers(calls), strict=True):
        out[layer] += count
    return out


def _marked(source: str, calls: Sequence[Call]) -> str:
    """Source with marks around every statement that runs the layers."""
    plain = body(calls)
    if source.count(plain) != 1:
        raise InternalError("the statements of the net are not those of the project")
    return source.replace(plain, body(calls, "    harness_begin();\n", "    harness_end();\n"))


def _layers(calls: Sequence[Call]) -> list[int]:
    """Layer to which each statement counts: its own, else the next one that runs, else the last."""
    found: list[int] = []
    after = max(call.layer for call in calls if call.layer is not None)
    for call in reversed(calls):
        after = after if call.layer is None else call.layer
        found.append(after)
    return found[::-1]


def _marks(
    pipeline: Pipeline, sources: Mapping[str, str], driver: str, piece: Int16, cpu: Cpu, opt: str
) -> tuple[int, ...]:
    """Instructions of every marked stretch of one window in Unicorn."""
    from sensorai.toolchain.arm import build_elf
    from sensorai.toolchain.emulator import Emulator

    drive = f"{pipeline.name}_drive"
    image = build_elf(sources, cpu, opt=opt, keep=(drive,), harness={"drive.c": driver})
    results = np.zeros(2, record(pipeline)).view(np.uint8)
    return Emulator(image).call(drive, piece, len(piece), results, 1, returns="uint32").marked


def columns(pipeline: Pipeline, got: npt.NDArray[np.void]) -> dict[str, npt.NDArray[np.generic]]:
    """Scores, answers, decisions and saturated samples of C results by name, in the order of computation."""
    out: dict[str, npt.NDArray[np.generic]] = {
        f"score {c}": got["score"][:, i] for i, c in enumerate(pipeline.classes)
    }
    out["answer"] = got["answer"].astype(np.int64)
    out["decided"] = got["decided"].astype(np.int64)
    out["saturated"] = got["saturated"].astype(np.int64)
    if pipeline.event is not None:
        out["samples"] = got["samples"].astype(np.int64)
    return out


def reference_columns(pipeline: Pipeline, trace: PipelineTrace) -> dict[str, npt.NDArray[np.generic]]:
    """Return the same of the integer reference."""
    out: dict[str, npt.NDArray[np.generic]] = {
        f"score {c}": trace.scores[:, i] for i, c in enumerate(pipeline.classes)
    }
    out |= {"answer": trace.answer, "decided": trace.decided, "saturated": trace.saturated}
    return out if pipeline.event is None else {**out, "samples": trace.end}


def compare(
    pipeline: Pipeline,
    names: Sequence[str],
    traces: Sequence[PipelineTrace],
    results: Sequence[npt.NDArray[np.void]],
) -> tuple[int, Divergence | None]:
    """Compare results with the reference, log by log; windows compared and the first difference."""
    compared = 0
    for name, trace, got in zip(names, traces, results, strict=True):
        found = first_divergence(name, reference_columns(pipeline, trace), columns(pipeline, got))
        if found is not None:
            return compared, found
        compared += len(trace)
    return compared, None
