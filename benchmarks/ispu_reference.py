"""ST's ISPU reference net, learnt and built here: ``python benchmarks/ispu_reference.py``.

``cnn_8x8x8`` (52 x 3 samples at 26 Hz and 8 g, three times [convolution of 8 channels, batch
normalisation, ReLU, maximum of 2], four classes) is learnt again from ST's PAMAP2-derived logs, as float
and as int8, and built as an ISPU project. Printed: accuracy by logs, by random windows and on ST's own test
set; sizes on the Cortex-M0+ stand-in beside those that ST publishes; instructions from the emulator.

ST's test set was cut from the same people's recordings as the logs. So every one of its windows is looked
up in the logs, and is judged by a net that has not seen the log it was found in.

Needs the shared reference data (``SENSORAI_SHARED``), JAX, gcc, arm-none-eabi-gcc and Unicorn. With h5py at
hand (no dependency of sensorai) ST's own weights are run and built as well.
"""

from __future__ import annotations

import importlib
import io
import os
import re
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.codegen.project import emit_project
from sensorai.cproject import runs as cproject
from sensorai.errors import DataError, VerifyMismatch
from sensorai.formats.read import read_log
from sensorai.formats.resample import resample
from sensorai.graph import interpret
from sensorai.graph.build import Builder
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array, constant
from sensorai.ispu.backend import on_virtual
from sensorai.ispu.devices import device
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.standin import SOURCE, StandIn, stand_in
from sensorai.learn import qat
from sensorai.learn.lower import lower, lower_float, with_params
from sensorai.learn.nets import FLOAT_CLIP, INPUT_PLACES, class_weights, first_params
from sensorai.model.pipeline import Count, Pipeline, counts, run, windows
from sensorai.model.scaling import Scaling
from sensorai.ops.batch_norm import BatchNorm
from sensorai.ops.conv1d import Conv1d
from sensorai.ops.dense import Dense
from sensorai.ops.flatten import Flatten
from sensorai.ops.max_pool import MaxPool
from sensorai.ops.products import Product
from sensorai.ops.relu import Relu
from sensorai.passes.annotate import calibrate
from sensorai.passes.trained import quantize
from sensorai.recording import Recording
from sensorai.toolchain.cpu import cpu

Int16 = npt.NDArray[np.int16]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

CLASSES = ("stationary", "walking", "running", "cycling")
RATE, WINDOW = 26.0, 52
#: The logs carry no rate; ST's settings beside them say 30 Hz.
LOG_RATE = 30.0
CHANNELS = tuple(Count(f"acc_{axis}", "mg", 0.244) for axis in "xyz")
DEVICE = "LSM6DSO16IS"
FOLDS = 3
#: Positions between two samples at which a window of ST's test set is looked for.
PHASES = 8
#: A window is clearly of a log when its distance there is at most this share of that to any other log.
CLEAR = 0.5
SEED = 0
EPOCHS, TUNE, PATIENCE, STEP, BATCH = 80, 30, 20, 4e-3, 64
#: Windows that the float net runs in the emulator: it is slow without a floating-point unit.
FEW = 16

LOGS = (
    "data/mlc-reference/st-mems-machine-learning-core/tutorials/"
    "2_datalogs_and_automatic_feature_selection/datalogs"
)
REFERENCE = "data/ispu-reference/st_edge_ai_keras"
#: What ST publishes (st-mems-ispu, commit 0314988, README of the Keras tutorial; facts peers.md 3.5): code
#: with weights, data RAM, both of the generated net and its runtime only.
ST_SIZES = {"float32": (12913, 2652), "int8": (13902, 1516)}


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """One log: its class, its number in the folder, the recording and its counts at 26 Hz."""

    label: int
    number: int
    recording: Recording
    samples: Int16


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Windows of counts with their class and log."""

    x: Int16
    y: Ints
    log: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A float net (before any rounding) and what is built from it."""

    scaling: Scaling
    plain: Graph
    built: dict[str, Graph]

    def answers(self, x: Int16) -> dict[str, Ints]:
        """Classes of windows by every net."""
        step = 2.0 ** (np.array(self.scaling.shift) + INPUT_PLACES)
        real = np.clip((x - np.array(self.scaling.offset)) / step, -FLOAT_CLIP, FLOAT_CLIP)
        out = {"float": interpret.forward(np, self.plain, real.astype(np.float32))[self.plain.outputs[0]]}
        for name, graph in self.built.items():
            out[name] = interpret.output(graph, self.scaling.apply(x))
        return {name: np.argmax(v, axis=1).astype(np.int64) for name, v in out.items()}


# ---------------------------------------------------------------- data


def read_logs(folder: Path) -> list[Log]:
    logs = []
    for path in sorted(folder.glob("*/*.csv")):
        (recording,) = read_log(path)
        recording = resample(Recording(recording.samples, recording.channels, LOG_RATE), RATE)
        label = CLASSES.index(path.parent.name.partition("_")[2])
        number = int(re.sub(r"\D", "", path.stem))
        logs.append(Log(label, number, recording, to_counts(recording.xyz("acc", "mg"))))
    if not logs:
        raise DataError("there are no logs", where=str(folder), hint="set SENSORAI_SHARED")
    return logs


def to_counts(mg: npt.NDArray[np.floating]) -> Int16:
    """Counts of 8 g full scale, saturated, shape (..., 3)."""
    flat = mg.reshape(-1, 3).astype(np.float64)
    return counts([flat[:, a] for a in range(3)], CHANNELS)[0].reshape(mg.shape)


def rows_of(logs: Sequence[Log], stride: int) -> Rows:
    cut = [windows(log.samples, WINDOW, stride) for log in logs]
    lengths = [len(c) for c in cut]
    log = np.repeat(np.arange(len(logs)), lengths)
    return Rows(np.concatenate(cut), np.array([one.label for one in logs])[log], log)


def locate(logs: Sequence[Log], mg: npt.NDArray[np.float64], y: Ints) -> tuple[Ints, float, float]:
    """Log of the same class to which each window is nearest.

    Returns
    -------
    log : ndarray, shape (rows,), int64
    clear : float
        Share of windows that are nearest to one log by far.
    control : float
        The same share with that log taken away: what to expect of windows that are in no log.
    """
    best = np.full((len(logs), len(y)), np.inf)
    for i, log in enumerate(logs):
        fine = resample(log.recording, RATE * PHASES).xyz("acc", "mg")
        mine = y == log.label
        q = mg[mine].reshape(-1, 3 * WINDOW)
        for phase in range(PHASES):
            view = np.lib.stride_tricks.sliding_window_view(fine[phase::PHASES], WINDOW, axis=0)
            w = view.transpose(0, 2, 1).reshape(-1, 3 * WINDOW)
            far = (w**2).sum(1) + (q**2).sum(1)[:, None] - 2 * q @ w.T
            best[i, mine] = np.minimum(best[i, mine], np.sqrt(np.maximum(far.min(axis=1), 0)))
    order = np.sort(best, axis=0)
    clear = (order[:-1] <= CLEAR * order[1:]).mean(axis=1)
    return best.argmin(axis=0), float(clear[0]), float(clear[1])


# ---------------------------------------------------------------- net


def topology(seed: int) -> Graph:
    """Float net with first weights, batch normalisation included."""
    rng = np.random.default_rng(seed)
    b = Builder((WINDOW, 3))

    def weights(*shape: int) -> dict[str, Array]:
        w = rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        return {"weights": w, "bias": np.zeros(shape[0], np.float32)}

    one, zero = np.ones(8, np.float32), np.zeros(8, np.float32)
    for channels in (3, 8, 8):
        b.add(Conv1d(padding="same"), params=weights(8, 3, channels))
        b.add(BatchNorm(), params={"gamma": one, "beta": zero, "mean": zero, "variance": one})
        b.add(Relu())
        b.add(MaxPool(2))
    b.add(Flatten())
    b.add(Dense(), params=weights(len(CLASSES), 6 * 8))
    return b.graph()


def fold(graph: Graph) -> Graph:
    """Take batch normalisation into the convolutions, so that int8 is learnt on the weights that are kept."""
    b = Builder(graph.tensors[graph.inputs[0]].shape)
    for node in graph.nodes:
        after = graph.consumers(node.output)
        own = graph.constants(node)
        if isinstance(node.op, BatchNorm):
            continue
        if after and isinstance(norm := after[0].op, BatchNorm):
            scale, offset = norm.scale_offset(graph.constants(after[0]))
            own = {
                "weights": (own["weights"] * scale[:, None, None]).astype(np.float32),
                "bias": (own["bias"] * scale + offset).astype(np.float32),
            }
        b.add(node.op, params=own, name=node.output)
    return b.graph()


def learn(rows: Rows, train: Bools, validation: Bools) -> Learnt:
    scaling = Scaling.fit(rows.x[train].reshape(-1, 3))
    step = 2.0 ** (np.array(scaling.shift) + INPUT_PLACES)
    real = np.clip((rows.x - np.array(scaling.offset)) / step, -FLOAT_CLIP, FLOAT_CLIP).astype(np.float32)
    rounded = (scaling.apply(rows.x) * np.float32(2.0**-INPUT_PLACES)).astype(np.float32)
    weights = class_weights(rows.y[train], len(CLASSES))

    def data(x: npt.NDArray[np.float32]) -> qat.Data:
        return qat.Data(x[train], rows.y[train], x[validation], rows.y[validation], weights)

    net = topology(SEED)
    schedule = qat.Schedule(EPOCHS, PATIENCE, STEP, BATCH, SEED)
    params, _ = qat.learn(net, first_params(net), data(real), schedule, qat.Scales(), "float")
    plain = fold(with_params(net, params))
    scales = qat.calibrate(plain, first_params(plain), rounded[train], INPUT_PLACES)
    tune = qat.Schedule(TUNE, PATIENCE, STEP / 4, BATCH, SEED + 1)
    tuned, _ = qat.learn(plain, first_params(plain), data(rounded), tune, scales, "int8")
    built = {
        "float32": lower_float(plain, first_params(plain), INPUT_PLACES),
        "int8": lower(plain, tuned, scales),
    }
    return Learnt(scaling, plain, built)


# ---------------------------------------------------------------- accuracy


@dataclass(slots=True)
class Tally:
    """Right answers by net, and windows."""

    right: dict[str, int]
    total: int = 0

    def add(self, answers: dict[str, Ints], y: Ints) -> None:
        """Count one set of windows."""
        for name, a in answers.items():
            self.right[name] = self.right.get(name, 0) + int((a == y).sum())
        self.total += len(y)

    def row(self, title: str) -> str:
        """One line of the table."""
        shares = "".join(f"{self.right[n] / self.total:9.2%}" for n in ("float", "float32", "int8"))
        return f"{title:58}{self.total:6}{shares}"


def by_logs(logs: Sequence[Log], test_x: Int16, test_y: Ints, of: Ints) -> tuple[Learnt, list[str]]:
    """Learn once per fold; the net of the last fold is the one that is built."""
    rows, cut = rows_of(logs, WINDOW // 2), rows_of(logs, WINDOW)
    fold_of = np.array([log.number % FOLDS for log in logs])
    every, on_st, lines = Tally({}), Tally({}), []
    for k in range(FOLDS):
        rest = [i for i in range(len(logs)) if fold_of[i] != k]
        held = np.isin(rows.log, [i for i in rest if (logs[i].number // FOLDS) % 4 == 1])
        test = fold_of[rows.log] == k
        learnt = learn(rows, ~test & ~held, held)
        here = fold_of[cut.log] == k
        one, answers = Tally({}), learnt.answers(cut.x[here])
        one.add(answers, cut.y[here])
        every.add(answers, cut.y[here])
        lines.append(one.row(f"  held-out logs, number mod {FOLDS} = {k}"))
        mine = fold_of[of] == k
        on_st.add(learnt.answers(test_x[mine]), test_y[mine])
    lines.append(every.row("held-out logs, all folds"))
    lines.append(on_st.row("ST's test set, by the net that has not seen the log"))
    return learnt, lines


def by_random(logs: Sequence[Log], test_x: Int16, test_y: Ints) -> list[str]:
    """Windows without overlap split at random: too good, since neighbours are alike."""
    cut = rows_of(logs, WINDOW)
    part = np.random.default_rng(SEED).permutation(len(cut.y)) / len(cut.y)
    test, held = part >= 0.7, part < 0.15
    learnt = learn(cut, ~test & ~held, held)
    own, on_st = Tally({}), Tally({})
    own.add(learnt.answers(cut.x[test]), cut.y[test])
    on_st.add(learnt.answers(test_x), test_y)
    return [
        own.row("random windows, 30 % held out (optimistic)"),
        on_st.row("ST's test set, by that net (its logs seen: optimistic)"),
    ]


# ---------------------------------------------------------------- ST's own weights


def keras_net(path: Path) -> Graph:
    """Read ST's trained net; its input is in mg.

    Raises
    ------
    ImportError
        h5py is not installed.
    """
    h5py: Any = importlib.import_module("h5py")
    with zipfile.ZipFile(path) as archive:
        file = h5py.File(io.BytesIO(archive.read("model.weights.h5")))

    def values(layer: str) -> list[Array]:
        held = file[f"layers/{layer}/vars"]
        return [np.asarray(held[str(i)], np.float32) for i in range(len(held))]

    params: qat.Params = {}
    names = {Conv1d: "conv1d", BatchNorm: "batch_normalization", Dense: "dense"}
    seen = dict.fromkeys(names.values(), 0)
    net = topology(0)
    for node in net.nodes:
        name = names.get(type(node.op))
        if name is None:
            continue
        found = values(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
        if isinstance(node.op, BatchNorm):
            params[node.output] = dict(zip(node.op.CONSTANTS, found, strict=True))
        else:
            axes = (2, 0, 1) if isinstance(node.op, Conv1d) else (1, 0)
            params[node.output] = {"weights": found[0].transpose(axes), "bias": found[1]}
    return with_params(net, params)


def on_counts(graph: Graph, shift: int) -> Graph:
    """Let a net in mg take counts ``>> shift`` as int8 with ``INPUT_PLACES``: its first weights grow."""
    unit = np.float32(CHANNELS[0].lsb * 2.0 ** (shift + INPUT_PLACES))
    first = next(n for n in graph.nodes if isinstance(n.op, Product))
    weights = graph.tensors[first.roles["weights"]]
    return graph.with_tensors([constant(weights.name, graph.constants(first)["weights"] * unit)])


def st_weights(path: Path, mg: npt.NDArray[np.float32], y: Ints, logs: Sequence[Log]) -> list[str]:
    """ST's own weights: as published, and rounded by ``quantize`` without learning on."""
    try:
        net = keras_net(path)
    except ImportError as error:
        return [f"ST's own weights not run: {error} (h5py is no dependency of sensorai)"]
    plain = fold(net)
    wide = interpret.forward(np, plain, mg.astype(np.float64))[plain.outputs[0]]
    soft = np.exp(wide - wide.max(axis=1, keepdims=True))
    soft /= soft.sum(axis=1, keepdims=True)
    rmse = float(np.sqrt(((soft - np.eye(len(CLASSES))[y]) ** 2).mean()))
    scaling = Scaling((0, 0, 0), (8, 8, 8))
    ours = on_counts(plain, 8)
    x = rows_of(logs, WINDOW).x
    real = scaling.apply(x) * 2.0**-INPUT_PLACES
    places = {**calibrate(ours, real), ours.inputs[0]: INPUT_PLACES}
    int8 = quantize(ours, places)
    points = interpret.output(int8, scaling.apply(to_counts(mg)))
    right = float((points.argmax(axis=1) == y).mean())
    return [
        f"ST's own weights, our float reference: {(wide.argmax(1) == y).mean():.2%}, rmse {rmse:.7f}"
        "  (facts: 98.86 %, 0.0723280)",
        f"ST's own weights, rounded to int8 by sensorai without learning: {right:.2%}"
        "  (ST's qcnn_8x8x8: 98.67 %)",
    ]


# ---------------------------------------------------------------- build


@dataclass(frozen=True, slots=True)
class Built:
    """One net as a project: stand-in sizes, cost and windows compared by core, what the virtual ISPU said."""

    sizes: StandIn
    costs: dict[str, tuple[cproject.Cost, int]]
    virtual: str


def build(learnt: Learnt, precision: str, test_x: Int16) -> Built:
    """Emit, build, and run ST's test set through the C; a VerifyMismatch where a core differs."""
    pipeline = Pipeline(
        "cnn_8x8x8", CHANNELS, RATE, WINDOW, WINDOW, (), (), learnt.scaling, learnt.built[precision], CLASSES
    )
    app, files = emit_ispu(pipeline, device(DEVICE))
    sizes = stand_in(app, files)
    stream = test_x.reshape(-1, 3)
    woken = np.concatenate([stream[:1], stream])  # the first sample wakes the core
    content = {name: text.encode() for name, text in files.items()}
    compared, differs = on_virtual(pipeline, app, content, ["ST's test set"], [woken])
    virtual = f"{compared} windows equal, bit for bit" if differs is None else f"NOT EQUAL: {differs}"
    plain, small = emit_project(pipeline), emit_project(pipeline, small=True)
    costs = {}
    for of, project, core, opt in (
        ("", plain, "cortex-m0plus", "-Os"),
        ("", plain, "cortex-m0plus", "-O2"),
        ("", plain, "cortex-m4", "-O2"),
        ("the ISPU's C, ", small, "cortex-m0plus", "-Os"),
    ):
        slow = precision == "float32" and core == "cortex-m0plus"
        part = stream[: FEW * WINDOW] if slow else stream
        got, cost = cproject.emulated(pipeline, project.sources(), [part], cpu(core), opt)
        same, found = cproject.compare(pipeline, ["ST's test set"], [run(pipeline, part)], got)
        if found is not None:
            raise VerifyMismatch(f"the C on {core} {opt} and the reference part: {found}")
        costs[f"{of}{core} {opt}"] = cost, same
    return Built(sizes, costs, virtual)


def report(built: dict[str, Built], macs: int) -> list[str]:
    lines = ["", f"{'sizes in bytes':58}{'code + constants':>17}{'data':>8}{'stack':>8}"]
    for precision, one in built.items():
        code, data = ST_SIZES[precision]
        s = one.sizes
        ratio = f"{code / s.code_bytes:.1f}x, {data / s.data_bytes:.1f}x"
        lines.append(f"{precision + ': ST to ISPU, net and runtime [published]':58}{code:17}{data:8}{'-':>8}")
        lines.append(
            f"{precision + ': sensorai, whole program [compiled]':58}"
            f"{s.code_bytes:17}{s.data_bytes:8}{s.stack_bytes:8}  ST / ours: {ratio}"
        )
        if s.stack_unknown:
            lines.append(f"  stack without {len(s.stack_unknown)} functions whose frame is not stated")
        if s.library_calls:
            lines.append(f"  compiler's library: {', '.join(s.library_calls)}")
    first = next(iter(built.values())).sizes
    lines.append(f"compiled = {SOURCE}; {first.compiler}, -Os")
    lines += [
        "",
        f"{'instructions per window [emulated]':58}{'mean':>9}{'per MAC':>9}{'stack':>7}{'flash':>7}",
    ]
    for precision, one in built.items():
        for core, (cost, same) in one.costs.items():
            mean = cost.instructions_mean
            lines.append(
                f"{precision + ', ' + core:58}{mean:9.0f}{mean / macs:9.2f}{cost.stack:7}{cost.flash:7}"
                f"  {same} windows equal"
            )
        lines.append(f"{precision}, virtual ISPU: {one.virtual}")
    lines.append(f"{macs} MACs; ST on its ISPU, float: 67.95 ms at 5 MHz, 26.2 cycles per MACC [published]")
    return lines


def macs_of(graph: Graph) -> int:
    return sum(n.op.macs(graph.applied(n)) for n in graph.nodes if isinstance(n.op, Product))


def main() -> None:
    beside = Path(__file__).resolve().parents[2] / "shared"
    shared = Path(os.environ.get("SENSORAI_SHARED", beside))
    if not (shared / REFERENCE).is_dir():
        sys.exit("the reference data is not here: set SENSORAI_SHARED")
    logs = read_logs(shared / LOGS)
    with np.load(shared / REFERENCE / "har_testset.npz") as held:
        mg, y = held["m_inputs"], held["m_outputs"].argmax(axis=1).astype(np.int64)
    x = to_counts(mg)
    of, clear, control = locate(logs, mg.astype(np.float64), y)
    print(f"{len(logs)} logs of {LOG_RATE:g} Hz resampled to {RATE:g} Hz, counts of 8 g; seed {SEED}")
    print(
        f"ST's test set: {len(y)} windows; {clear:.1%} are at most {CLEAR:g} times as far from one log "
        f"as from any other ({control:.1%} without that log)"
    )
    print("logs name no person and PAMAP2 has nine, so by logs is not by person\n")
    print(f"{'accuracy [computed here]':64}{'float':>9}{'float32':>9}{'int8':>9}")
    learnt, lines = by_logs(logs, x, y, of)
    print("\n".join([*lines, *by_random(logs, x, y)]))
    print(f"{'ST, cnn_8x8x8.keras and qcnn_8x8x8.tflite [facts]':58}{527:6}   98.86%        -   98.67%")
    print("float: no rounding; float32 and int8: what is built, int8 input, exact reference of the C")
    print("\n".join(st_weights(shared / REFERENCE / "cnn_8x8x8.keras", mg, y, logs)))
    built = {precision: build(learnt, precision, x) for precision in ("float32", "int8")}
    print("\n".join(report(built, macs_of(learnt.built["int8"]))))
    if any(one.virtual.startswith("NOT") for one in built.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
