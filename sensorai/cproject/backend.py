"""What the targets in C share: emit a pipeline, run the C at every level that there are tools for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorai.codegen.project import emit_project
from sensorai.cproject import runs
from sensorai.cproject.figures import PROOF, of_pipeline
from sensorai.cproject.opened import open_project, sources_of
from sensorai.cproject.scales import UNITS, Scales, narrowed
from sensorai.cproject.trace import counts_of, ran, trace_of
from sensorai.errors import Problem, TargetError
from sensorai.experiment import Experiment
from sensorai.formats.keeper import keeping
from sensorai.formats.plausible import check_told, check_units
from sensorai.formats.resample import same_rate
from sensorai.graph.graph import Graph
from sensorai.model import pipeline as pipelines
from sensorai.model.detector import Detector
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Dataset, Recording
from sensorai.road import (
    Artifact,
    Checked,
    Classifier,
    Core,
    Figures,
    Learnt,
    Level,
    Need,
    Opened,
    Prepared,
    Proof,
    Told,
    Trace,
)
from sensorai.toolchain.compilers import available
from sensorai.toolchain.cpu import Cpu

if TYPE_CHECKING:
    from sensorai.cproject.learning import LearningCost

#: Source of what the report says of windows.
HELD_OUT = (
    "computed: the integer reference on recordings of groups that training did not see; the C gives the same "
    "bits at every level listed"
)
#: Source of the stack where nothing was run.
STACK = "compiled: the frames that the compiler states, added up"


class CBackend:
    """A target that runs a pipeline as C; what differs between them is said by its subclasses.

    Attributes
    ----------
    name : str
        As in ``--target``.
    small : bool
        Whether its projects are for little memory (``sensorai.codegen.project.emit_project``).
    """

    name: str
    small = False

    # ---------------------------------------------------------------- what a subclass knows

    def cpu(self, device: str) -> Cpu:
        """Core to emulate."""
        raise NotImplementedError

    def need(self, pipeline: Pipeline, device: str) -> Need:
        """Build a pipeline for its device and say what does not fit."""
        raise NotImplementedError

    def check(self, experiment: Experiment) -> list[Problem]:
        """Options that contradict the device."""
        raise NotImplementedError

    def prepare(self, dataset: Dataset, experiment: Experiment) -> Prepared:
        """Bring logs to what the device would record."""
        raise NotImplementedError

    def _files(self, pipeline: Pipeline, device: str) -> Mapping[str, str]:
        """Files of the project by name."""
        raise NotImplementedError

    def _more_levels(self, artifact: Artifact) -> list[Level]:
        """Levels beside this machine and the emulated core."""
        return []

    def _program(self, artifact: Artifact) -> Figures | None:
        """Sizes of the whole program, where there is one."""
        return None

    def _seconds(self, device: str, cycles: float | None) -> tuple[float | None, float | None]:
        """Time and energy of a window."""
        return None, None

    #: Added to the name of the core in the report.
    core_words = ""

    # ---------------------------------------------------------------- emit

    def emit(self, model: Pipeline, experiment: Experiment, name: str) -> Artifact:
        """Write the project; a TargetError where the device has no room for it."""
        device = experiment.device_name
        needed = self.need(model, device)
        if needed.problems:
            raise TargetError(needed.problems)
        files = self._files(model, device)
        return Artifact(name, device, model, {n: text.encode() for n, text in files.items()})

    def project(self, pipeline: Pipeline, device: str) -> Mapping[str, str]:
        """Files of the project of a pipeline, whether the device has room for it or not."""
        return self._files(pipeline, device)

    def trace(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """What the integer reference does; every level must give the same bits."""
        pipeline: Pipeline = artifact.model
        return [trace_of(pipeline, r, pipelines.run(pipeline, counts_of(r, pipeline))) for r in recordings]

    def simulate(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """Run the emitted C on this machine, with sanitizers."""
        pipeline: Pipeline = artifact.model
        samples = [counts_of(r, pipeline) for r in recordings]
        results = runs.on_host(pipeline, sources_of(artifact.files, artifact.name), samples)
        return [ran(pipeline, r, got) for r, got in zip(recordings, results, strict=True)]

    def core(self, artifact: Artifact) -> Core | None:
        """No sensor, unless a subclass knows one."""
        return None

    # ---------------------------------------------------------------- levels

    def levels(self, artifact: Artifact, on: Sequence[str] | None = None) -> list[Level]:
        """Ways to run it: this machine, the emulated core, and more; ``on``: ``host``, ``emulator``.

        A level whose tools are missing says so, unless it was asked for: then running it says so.
        """
        out = []
        if on is None or "host" in on:
            out.append(self._host(artifact, forced=on is not None))
        if on is None or "emulator" in on:
            out.append(self._emulator(artifact, forced=on is not None))
        if on is None or "host" in on:
            out += self._more_levels(artifact)
        if artifact.model.learn is not None:
            out += self._learning(artifact, on)
        return out

    def _host(self, artifact: Artifact, forced: bool) -> Level:
        name = "this machine, with sanitizers"
        if not forced and not available("gcc"):
            return Level("this machine", None, "gcc is not installed: apt install gcc")

        def check(traces: Sequence[Trace]) -> Checked:
            results = runs.on_host(
                artifact.model, sources_of(artifact.files, artifact.name), _samples(artifact.model, traces)
            )
            return _compared(artifact.model, traces, results)

        return Level(name, check)

    def _emulator(self, artifact: Artifact, forced: bool) -> Level:
        core = self.cpu(artifact.device)
        missing = "" if forced else missing_tools(core)
        if missing:
            return Level(core.name, None, f"not run: {missing}")

        def check(traces: Sequence[Trace]) -> Checked:
            sources = sources_of(artifact.files, artifact.name)
            results, cost = runs.emulated(artifact.model, sources, _samples(artifact.model, traces), core)
            return _compared(artifact.model, traces, results, cost)

        return Level(f"{core.name}, {runs.EMULATED if core.unicorn else runs.IN_QEMU}", check)

    def _learning(self, artifact: Artifact, on: Sequence[str] | None) -> list[Level]:
        """Learn, freeze, save and restore on this machine and on the emulated core."""
        from sensorai.cproject import learning

        core, out = self.cpu(artifact.device), []

        def check(where: Cpu | None, traces: Sequence[Trace]) -> Checked:
            sources = sources_of(artifact.files, artifact.name)
            samples = np.concatenate(_samples(artifact.model, traces))
            windows, differs, cost = learning.measured(artifact.model, sources, samples, where)
            return Checked(windows, differs or None, None if cost is None else _LearningRan(cost))

        if on is None or "host" in on:
            name = "this machine, with sanitizers, learning"
            out.append(
                Level(name, partial(check, None))
                if on is not None or available("gcc")
                else Level(name, None, "gcc is not installed: apt install gcc")
            )
        if on is None or "emulator" in on:
            name = f"{core.name}, emulated, learning"
            missing = missing_tools(core) if on is None else ""
            if not core.unicorn:
                missing = "the emulator that can learn lacks the core"
            out.append(
                Level(name, None, f"not run: {missing}") if missing else Level(name, partial(check, core))
            )
        return out

    # ---------------------------------------------------------------- figures

    def figures(self, artifact: Artifact, proof: Proof) -> Figures:
        """Settings, features and cost of a project, with their sources."""
        cost = self._cost(artifact, proof)
        library = cost["library"]
        return {
            **of_pipeline(artifact.model),
            "proof": {"what": PROOF, "levels": proof.figures()},
            "cost": cost,
            "sources": {
                "held_out": HELD_OUT,
                "memory": "compiled",
                "run": STACK if library is None else library["source"],
                "cycles": "an estimate from kinds of instructions",
            },
        }

    def _cost(self, artifact: Artifact, proof: Proof) -> dict[str, Any]:
        pipeline: Pipeline = artifact.model
        sources = sources_of(artifact.files, artifact.name)
        core, project = self.cpu(artifact.device), emit_project(pipeline, small=self.small)
        found = [got.cost for _, got in proof.levels if got is not None]
        ran = next((c for c in found if isinstance(c, runs.Cost)), None)
        learnt = next((c.cost for c in found if isinstance(c, _LearningRan)), None)
        sizes: runs.Cost | runs.Sizes | None = ran
        per_layer = None
        if sizes is None and available("arm-none-eabi-gcc"):
            sizes = runs.sizes(pipeline, sources, core)
        if ran is not None and isinstance(pipeline.model, Graph | Detector):
            longest = max(_samples(pipeline, proof.traces), key=len)
            per_layer = runs.layer_instructions(pipeline, sources, project, longest, core)
        return {
            "library": None if sizes is None else self._library(artifact.device, sizes),
            "program": self._program(artifact),
            "layers": [
                {
                    "name": layer.name,
                    "macs": layer.macs,
                    "weight_bytes": layer.weight_bytes,
                    "activation_bytes": layer.activation_bytes,
                    "instructions": None if per_layer is None else per_layer[i],
                }
                for i, layer in enumerate(project.layers)
            ],
            "learning": None if learnt is None else asdict(learnt),
        }

    def _library(self, device: str, cost: runs.Cost | runs.Sizes) -> dict[str, Any]:
        """Cost by name; None for what only a run tells."""
        run = cost if isinstance(cost, runs.Cost) else None
        cycles = None if run is None else run.cycles
        seconds, joules = self._seconds(device, cycles)
        return {
            "core": cost.core + self.core_words,
            "flash": cost.flash,
            "ram": cost.ram,
            "stack": cost.stack,
            "instructions_mean": None if run is None else run.instructions_mean,
            "instructions_most": None if run is None else run.instructions_most,
            "instructions_sample": None if run is None else run.instructions_sample,
            "cycles": cycles,
            "seconds": seconds,
            "joules": joules,
            "source": STACK if run is None else run.source,
        }

    # ---------------------------------------------------------------- files

    def index(self, artifact: Artifact, learnt: Learnt) -> Figures:
        """Device, label column and pipeline."""
        return {
            "device": artifact.device,
            "column": learnt.classifiers[0].column,
            "pipeline": pipelines.to_dict(artifact.model),
        }

    def finish(self, artifact: Artifact, learnt: Learnt, report: Figures) -> Mapping[str, bytes]:
        """Files of the project; its README says what it takes."""
        library = report["cost"]["library"]
        if library is None:
            return artifact.files
        text = artifact.files["README.md"].decode()
        return {**artifact.files, "README.md": with_sizes(text, artifact.name, library).encode()}

    def open(self, path: Path, told: Told) -> Opened:
        """Open a project folder."""
        told.refused(path, "a C project")
        found = open_project(path)
        pipeline = found.pipeline
        return Opened(
            path,
            self.name,
            Artifact(pipeline.name, found.device, pipeline, found.files),
            pipeline.rate_hz,
            (Classifier("model", found.column, dict(enumerate(pipeline.classes))),),
            found.test_groups,
            found.train_groups,
            found.states,
            events=found.events,
        )


class _LearningRan:
    """What learning on an emulated core cost."""

    def __init__(self, cost: LearningCost) -> None:
        self.cost = cost


def _samples(pipeline: Pipeline, traces: Sequence[Trace]) -> list[npt.NDArray[np.int16]]:
    return [counts_of(t.recording, pipeline) for t in traces]


def _compared(
    pipeline: Pipeline,
    traces: Sequence[Trace],
    results: Sequence[npt.NDArray[np.void]],
    cost: runs.Cost | None = None,
) -> Checked:
    names = [t.recording.name for t in traces]
    windows, found = runs.compare(pipeline, names, [t.raw for t in traces], results)
    return Checked(windows, None if found is None else str(found), cost)


def missing_tools(core: Cpu) -> str:
    """Tools that run a core and are not installed, with the lines that install them; empty: all is there."""
    tools: dict[str, Callable[[], bool]] = {
        "apt install gcc-arm-none-eabi libnewlib-arm-none-eabi": lambda: available("arm-none-eabi-gcc")
    }
    if not core.unicorn:
        tools["apt install qemu-system-arm"] = lambda: available("qemu-system-arm")
    return "; ".join(line for line, there in tools.items() if not there())


def with_sizes(readme: str, name: str, library: Figures) -> str:
    """Add what the project takes to its README; source and core are said."""
    return (
        f"{readme.rstrip()}\n\n## Memory\n\nOf the library alone, built for {library['core']} at -O2:\n\n"
        "| | bytes | |\n|---|---:|---|\n"
        f"| flash: code and tables | {library['flash']:,} | compiled |\n"
        f"| RAM: `{name}_t` and variables | {library['ram']:,} | compiled |\n"
        f"| stack of `{name}_push` | {library['stack']:,} | {library['source']} |\n"
    )


def rate_of_logs(dataset: Dataset) -> float:
    """The usual rate of the logs, some of which say it: the median."""
    return float(np.median([r.rate_hz for r in dataset if r.rate_hz]))


def at_rate(dataset: Dataset, rate: float, experiment: Experiment) -> tuple[Dataset, list[str]]:
    """Bring logs to one rate, said aloud; a DataError where resampling is not wanted."""
    from sensorai.formats.resample import resampled, to_rate

    changed = [r.rate_hz for r in dataset if r.rate_hz is not None and not same_rate(r.rate_hz, rate)]
    how = "refuse" if experiment.no_resample else "resample"
    out = Dataset(keeping(to_rate(r, rate, how=how, what="model") for r in dataset))
    return out, [resampled(changed, rate)] if changed else []


def prepared(
    backend: CBackend,
    dataset: Dataset,
    experiment: Experiment,
    rate: float,
    scales: Mapping[str, Scales],
) -> Prepared:
    """Logs at the device's rate, their usable sensors, and what a model takes on the device."""
    check_units(dataset, {sensor: of[-1][0] for sensor, of in scales.items()}, experiment.device_name)
    sensors = usable(dataset, experiment.sensors)
    check_told(dataset, sensors)
    out, notes = at_rate(dataset, rate, experiment)
    return Prepared(
        out,
        rate,
        sensors,
        narrowed(scales, experiment),
        tuple(notes),
        partial(backend.need, device=experiment.device_name),
    )


def usable(dataset: Dataset, wanted: Sequence[str]) -> tuple[str, ...]:
    """Sensors of the wanted ones that every log has with x, y and z; a DataError or ConfigError without."""
    from sensorai.errors import ConfigError, DataError

    found = tuple(s for s in UNITS if all(s in r.sensors for r in dataset))
    if not found:
        raise DataError(
            "the logs have no sensor in common with x, y and z (acc or gyro)",
            where=dataset.recordings[0].source,
            hint="sensorai inspect lists the channels; name columns with --column acc_x=COLUMN",
        )
    if missing := [s for s in wanted if s not in found]:
        raise ConfigError(
            f"--sensors {missing[0]}: not in every log", hint="usable here: " + ", ".join(found)
        )
    return tuple(s for s in found if not wanted or s in wanted)
