"""The ISPU: the same C, and the program around it, run on a virtual core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.codegen.project import Project, emit_project, holds_inputs
from sensorai.cproject import backend as shared
from sensorai.cproject.need import COUNTED, counted, largest
from sensorai.cproject.scales import Scales, check_scales, check_sensors
from sensorai.cproject.trace import counts_of
from sensorai.divergence import Divergence, first_divergence
from sensorai.errors import ConfigError, Problem, UserError
from sensorai.experiment import Experiment
from sensorai.formats.asked import units_asked
from sensorai.ispu import devices
from sensorai.ispu.devices import STAND_IN
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.project import App
from sensorai.ispu.standin import SOURCE, StandIn, stand_in
from sensorai.ispu.virtual import VirtualIspu
from sensorai.model import pipeline as pipelines
from sensorai.model.decision import NONE, certain_of, settled
from sensorai.model.pipeline import Int16, Pipeline, PipelineTrace
from sensorai.recording import NO_RESULT, Dataset, Recording
from sensorai.road import Artifact, Checked, Core, Figures, Level, Need, Prepared, Trace
from sensorai.targets import Devices
from sensorai.toolchain.compilers import available
from sensorai.toolchain.cpu import Cpu, cpu


class IspuBackend(shared.CBackend):
    """Sensors with an intelligent sensor processing unit."""

    name = "ispu"
    small = True
    core_words = " (stand-in: not measured on the ISPU)"

    def cpu(self, device: str) -> Cpu:
        """The stand-in."""
        return cpu(STAND_IN)

    def check(self, experiment: Experiment) -> list[Problem]:
        """Device, rate and full scales that it has."""
        try:
            part = devices.device(experiment.device_name)
        except UserError as error:
            return [Problem(error.message, hint=error.hint), *units_asked(experiment)]
        rates = [hz for hz in part.rates if hz]
        problems = [
            *check_scales(experiment, _scales(part), part.name),
            *check_sensors(experiment, _scales(part), part.name),
            *units_asked(experiment),
        ]
        if experiment.rate is not None and experiment.rate not in rates:
            problems.append(
                Problem(
                    f"{part.name} has no rate of {experiment.rate:g} Hz",
                    hint="its rates are " + ", ".join(f"{hz:g}" for hz in rates) + " Hz",
                )
            )
        return problems

    def rates(self, device: str) -> tuple[str, Sequence[float]]:
        """Rates of the device's sensor."""
        part = devices.device(device)
        return part.name, [hz for hz in part.rates if hz]

    def devices(self) -> Devices:
        """Sensors with an ISPU."""
        return devices.listed()

    def prepare(self, dataset: Dataset, experiment: Experiment) -> Prepared:
        """The rate of the sensor that is nearest to the logs'."""
        wanted = experiment.rate or shared.rate_of_logs(dataset)
        part = devices.device(experiment.device_name)
        rate = min((hz for hz in part.rates if hz), key=lambda hz: (abs(np.log(hz / wanted)), hz))
        return shared.prepared(self, dataset, experiment, rate, _scales(part))

    def need(self, pipeline: Pipeline, device: str) -> Need:
        """Build the whole program for the stand-in and hold it against the memories of the ISPU."""
        project = emit_project(pipeline, small=True)
        app, files = emit_ispu(pipeline, devices.device(device))
        if available("arm-none-eabi-gcc"):
            return ispu_need(stand_in(app, files), app, project)
        code, data = counted(pipeline, project, 1 if holds_inputs(pipeline) else 2)
        return ispu_need(StandIn(code, data, 0, (), "", ()), app, project, COUNTED)

    def core(self, artifact: Artifact) -> Core:
        """Its registers hold the decision, and each window's own answer."""
        pipeline: Pipeline = artifact.model
        if pipeline.event is not None:
            raise ConfigError(
                "results of a sensor are held against windows on a grid, and here events open the windows",
                hint="leave the sensor out: validate --on host or emulator says whether the bits agree",
            )

        def run(recording: Recording) -> PipelineTrace:
            return pipelines.run(pipeline, counts_of(recording, pipeline))

        def decide(recording: Recording) -> npt.NDArray[np.int64]:
            trace = run(recording)
            return np.stack([trace.decided, trace.answer], axis=1)

        def certain(recording: Recording) -> npt.NDArray[np.bool_]:
            answer = run(recording).answer
            decided = certain_of(answer, [pipeline.wins] * len(pipeline.classes))
            return settled(np.stack([decided, np.ones_like(decided)], axis=1), bool(pipeline.filters))

        labels = {**dict(enumerate(pipeline.classes)), NONE: NO_RESULT}
        return Core(
            ("ISPU_DOUT_00_L", "ISPU_DOUT_00_H"),
            pipeline.window,
            pipeline.stride,
            pipeline.rate_hz,
            (labels, labels),
            decide,
            certain,
        )

    def _files(self, pipeline: Pipeline, device: str) -> Mapping[str, str]:
        return emit_ispu(pipeline, devices.device(device))[1]

    def _more_levels(self, artifact: Artifact) -> list[Level]:
        app = emit_ispu(artifact.model, devices.device(artifact.device))[0]
        name = "virtual ISPU (its first sample wakes the core and is part of no window)"
        if not available("gcc"):
            return [Level("virtual ISPU", None, "gcc is not installed: apt install gcc")]

        def check(traces: Sequence[Trace]) -> Checked:
            samples = [counts_of(t.recording, artifact.model) for t in traces]
            names = [t.recording.name for t in traces]
            windows, found = on_virtual(artifact.model, app, artifact.files, names, samples)
            return Checked(windows, None if found is None else str(found))

        def learn(traces: Sequence[Trace]) -> Checked:
            from sensorai.ispu import learning

            samples = np.concatenate([counts_of(t.recording, artifact.model) for t in traces])
            windows, differs = learning.compare(artifact.model, app, dict(artifact.files), samples)
            return Checked(windows, differs or None)

        learns = [] if artifact.model.learn is None else [Level("virtual ISPU, learning", learn)]
        return [Level(name, check), *learns]

    def _program(self, artifact: Artifact) -> Figures | None:
        if not available("arm-none-eabi-gcc"):
            return None
        app = emit_ispu(artifact.model, devices.device(artifact.device))[0]
        built = stand_in(app, {name: text.decode() for name, text in artifact.files.items()})
        return {
            "source": SOURCE,
            "code_bytes": built.code_bytes,
            "code_limit": app.device.code.size,
            "data_bytes": built.data_bytes,
            "data_limit": app.device.data.size,
            "stack_bytes": built.stack_bytes,
        }


def _scales(part: devices.IspuDevice) -> dict[str, Scales]:
    """Full scales of the device's sensors; counts of the gyroscope in dps."""
    return {
        sensor: tuple((full, part.lsb(sensor, full) / per) for full in sorted(part.full_scales(sensor)))
        for sensor, per in (("acc", 1.0), ("gyro", 1000.0))
        if part.full_scales(sensor)
    }


def ispu_need(built: StandIn, app: App, project: Project, source: str = SOURCE) -> Need:
    """Hold bytes against the memories of an ISPU: by how much too large, the largest layer, what has room."""
    problems = [
        replace(p, message=p.message + largest(project.layers, "flash" if "code" in p.message else "RAM"))
        for p in built.problems(app, source)
    ]
    return Need(built.code_bytes, built.data_with_stack(app), source, tuple(problems))


def on_virtual(
    pipeline: Pipeline,
    app: App,
    files: Mapping[str, bytes],
    names: Sequence[str],
    samples: Sequence[Int16],
) -> tuple[int, Divergence | None]:
    """Run the ISPU program on the virtual core; windows compared, and the first difference.

    The first sample wakes the core and is part of no window, so the reference starts at the second.
    """
    core = VirtualIspu(app, dict(files))
    compared = 0
    for name, x in zip(names, samples, strict=True):
        reference = pipelines.run(pipeline, x[1:])
        got = core.run(x)
        at = got.results
        shown = min(got.scores.shape[1], len(pipeline.classes))
        mine: dict[str, npt.NDArray[Any]] = {"answer": got.answer[at].astype(np.int64)}
        theirs: dict[str, npt.NDArray[Any]] = {"answer": reference.answer}
        mine["decided"], theirs["decided"] = got.decided[at].astype(np.int64), reference.decided
        for i in range(shown):
            mine[f"score {pipeline.classes[i]}"] = _same_type(got.scores[at, i], pipeline)
            theirs[f"score {pipeline.classes[i]}"] = reference.scores[:, i]
        found = first_divergence(name, theirs, mine)
        if found is not None:
            return compared, found
        compared += len(reference)
    return compared, None


def _same_type(scores: npt.NDArray[np.int32], pipeline: Pipeline) -> npt.NDArray[Any]:
    """Output registers hold the 32 bits of a score, whatever its type."""
    return np.ascontiguousarray(scores).view(np.float32) if pipeline.float_scores else scores


BACKEND = IspuBackend()
