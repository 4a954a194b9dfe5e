"""A generated C project on recordings: on this machine, with sanitizers, or as Cortex-M code in an emulator.

Every level takes the same counts and must give the same scores, answers and decisions as the integer
reference (``sensorai.model.pipeline.run``), window by window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensorai.codegen.parts import Call, body
from sensorai.codegen.project import model_calls
from sensorai.errors import DataError, InternalError
from sensorai.files import read_json
from sensorai.ispu.project import App
from sensorai.model.pipeline import Pipeline, PipelineTrace
from sensorai.toolchain.cpu import Cpu
from sensorai.verify.compare import Divergence, first_divergence

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
    return text.replace("NAME", pipeline.name).replace("MACRO", pipeline.name.upper())


def record(pipeline: Pipeline) -> np.dtype[np.void]:
    """Layout of ``NAME_result_t``, the same on every target."""
    score = "<f4" if pipeline.float_scores else "<i4"
    fields = [
        ("window", "<u4"),
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
    with_result: list[int] = []
    without: list[int] = []
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
        _sort_pushes(pipeline, marked, with_result, without)
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
    pipeline: Pipeline, counts: Sequence[int], with_result: list[int], without: list[int]
) -> None:
    """Tell the pushes of one log that complete a window from the others."""
    filled = 0
    for count in counts:
        filled += 1
        if filled == pipeline.window:
            with_result.append(count)
            filled = pipeline.window - pipeline.stride
        else:
            without.append(count)


def _in_qemu(
    pipeline: Pipeline, sources: Mapping[str, str], samples: Sequence[Int16], cpu: Cpu, opt: str
) -> tuple[list[npt.NDArray[np.void]], Cost]:
    """Do the same in QEMU; sizes are those of the build without QEMU's files."""
    from sensorai.verify.inqemu import in_qemu

    built = sizes(pipeline, sources, cpu, opt)
    ran = in_qemu(pipeline, sources, _fill(DRIVER, pipeline), samples, record(pipeline), cpu, opt)
    with_result: list[int] = []
    without: list[int] = []
    start = 0
    for log in samples:
        _sort_pushes(pipeline, ran.marked[start : start + len(log)], with_result, without)
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
    pipeline: Pipeline, sources: Mapping[str, str], layers: int, samples: Int16, cpu: Cpu, opt: str = "-O2"
) -> list[int] | None:
    """Instructions of each layer of a net in one window, emulated.

    A copy of the source with marks around every statement of the model is built and run on the first whole
    window of ``samples``; copying and zeroing count to the layer that reads the result. The marks keep the
    compiler from merging layers, so the sum may differ a little from the unmarked model.

    Returns
    -------
    list of int, or None
        One entry per layer, 0 for one that needs no statement; None where the model is no net, or there is
        no whole window.
    """
    from sensorai.toolchain.host import support

    name = pipeline.name
    calls = model_calls(pipeline)
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
    piece = np.ascontiguousarray(samples[: pipeline.window])
    if cpu.unicorn:
        counts = _marks(
            pipeline, {**marked_sources, "harness.h": support("harness.h")}, driver, piece, cpu, opt
        )
    else:
        from sensorai.verify.inqemu import in_qemu

        ran = in_qemu(pipeline, marked_sources, driver, [piece], record(pipeline), cpu, opt)
        counts = ran.marked
    out = [0] * layers
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
    """Scores, answers and decisions of C results by name, in the order of computation."""
    out: dict[str, npt.NDArray[np.generic]] = {
        f"score {c}": got["score"][:, i] for i, c in enumerate(pipeline.classes)
    }
    out["answer"] = got["answer"].astype(np.int64)
    out["decided"] = got["decided"].astype(np.int64)
    return out


def reference_columns(pipeline: Pipeline, trace: PipelineTrace) -> dict[str, npt.NDArray[np.generic]]:
    """Return the same of the integer reference."""
    out: dict[str, npt.NDArray[np.generic]] = {
        f"score {c}": trace.scores[:, i] for i, c in enumerate(pipeline.classes)
    }
    return {**out, "answer": trace.answer, "decided": trace.decided}


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


def on_virtual_ispu(
    pipeline: Pipeline,
    app: App,
    files: Mapping[str, bytes],
    names: Sequence[str],
    samples: Sequence[Int16],
) -> int:
    """Run the ISPU program on the virtual core and compare; return the windows compared.

    The first sample wakes the core and is part of no window, so the reference starts at the second.

    Raises
    ------
    VerifyMismatch
        At the first difference.
    """
    from sensorai.errors import VerifyMismatch
    from sensorai.ispu.virtual import VirtualIspu
    from sensorai.model.pipeline import run

    core = VirtualIspu(app, dict(files))
    compared = 0
    for name, x in zip(names, samples, strict=True):
        reference = run(pipeline, x[1:])
        got = core.run(x)
        at = got.results
        shown = min(got.scores.shape[1], len(pipeline.classes))
        mine: dict[str, npt.NDArray[np.generic]] = {"answer": got.answer[at].astype(np.int64)}
        theirs: dict[str, npt.NDArray[np.generic]] = {"answer": reference.answer}
        mine["decided"], theirs["decided"] = got.decided[at].astype(np.int64), reference.decided
        for i in range(shown):
            mine[f"score {pipeline.classes[i]}"] = _same_type(got.scores[at, i], pipeline)
            theirs[f"score {pipeline.classes[i]}"] = reference.scores[:, i]
        found = first_divergence(name, theirs, mine)
        if found is not None:
            raise VerifyMismatch(f"the virtual ISPU and the integer reference part: {found}")
        compared += len(reference)
    return compared


def _same_type(scores: npt.NDArray[np.int32], pipeline: Pipeline) -> npt.NDArray[np.generic]:
    """Output registers hold the 32 bits of a score, whatever its type."""
    return np.ascontiguousarray(scores).view(np.float32) if pipeline.float_scores else scores


@dataclass(frozen=True, slots=True)
class OpenedProject:
    """A project folder that ``sensorai train`` wrote.

    Attributes
    ----------
    folder : Path
    target, device, column : str
    pipeline : Pipeline
        What was meant.
    sources : mapping of name to text
        The model's C as it lies in the folder: this is what is run.
    files : mapping of name to bytes
        Every text file of the folder that the index names.
    test_groups, train_groups : tuple of str
    """

    folder: Path
    target: str
    device: str
    column: str
    pipeline: Pipeline
    sources: Mapping[str, str]
    files: Mapping[str, bytes]
    test_groups: tuple[str, ...]
    train_groups: tuple[str, ...]


def project_target(folder: Path) -> str | None:
    """Target that a result folder was made for; None where it is no result of ours."""
    index = folder / "model.sai"
    if not index.is_file():
        return None
    model = read_json(index)
    target = model.get("target") if isinstance(model, dict) else None
    return target if isinstance(target, str) else None


def open_project(folder: Path) -> OpenedProject:
    """Open a project folder.

    Raises
    ------
    DataError
        It is none, or damaged.
    """
    from sensorai.model.pipeline import from_dict

    index = folder / "model.sai"
    model = read_json(index)
    try:
        names = [n for n in model["files"] if isinstance(n, str) and Path(n).name == n]
        texts = {k: str(model[k]) for k in ("target", "device", "column")}
        groups = {k: tuple(str(g) for g in model[k]) for k in ("test_groups", "train_groups")}
        data = model["pipeline"]
    except (KeyError, TypeError) as error:
        raise DataError(f"model.sai lacks {error}", where=str(index), hint="train again") from None
    pipeline = from_dict(data, str(index))
    files: dict[str, bytes] = {}
    for name in names:
        path = folder / name
        if not path.is_file():
            raise DataError(f"the project lacks {name}", where=str(folder), hint="train again")
        files[name] = path.read_bytes()
    own = (f"{pipeline.name}_ispu.c", "main.c", "ispu_main.c", "ispu_boot.c")
    sources = {
        name: content.decode("utf-8", errors="replace")
        for name, content in files.items()
        if name.endswith((".c", ".h")) and name not in own
    }
    return OpenedProject(
        folder,
        texts["target"],
        texts["device"],
        texts["column"],
        pipeline,
        sources,
        files,
        groups["test_groups"],
        groups["train_groups"],
    )
