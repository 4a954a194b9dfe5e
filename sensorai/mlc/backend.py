"""The machine learning core: trees as registers, read back from the emitted bytes and simulated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.errors import Problem, UserError
from sensorai.experiment import Experiment
from sensorai.formats.asked import units_asked
from sensorai.formats.plausible import check_told
from sensorai.mlc import describe, settings
from sensorai.mlc.artifact import Artifact as RegisterFile
from sensorai.mlc.artifact import open_artifact
from sensorai.mlc.classnames import with_names, with_numbers
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.decode import decode
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.devices import listed
from sensorai.mlc.encode import encode
from sensorai.mlc.figures import of_registers, register_classifier, registers
from sensorai.mlc.labels import feature_names, result_name
from sensorai.mlc.levels import Columns, columns_of, divergence, stream_of
from sensorai.mlc.options import problems_of
from sensorai.mlc.prepare import at_device_rate, check_device_units, usable_sensors
from sensorai.mlc.regfile import parse_register_file
from sensorai.mlc.simulate import Trace as CoreTrace
from sensorai.mlc.simulate import core_rate, simulate
from sensorai.mlc.trace import trace_of
from sensorai.mlc.treetext import write_tree_text
from sensorai.model.decision import certain_of, settled
from sensorai.recording import NO_RESULT, Dataset, Recording
from sensorai.regfile import to_header, to_json, to_ucf
from sensorai.road import (
    Artifact,
    Checked,
    Classifier,
    Core,
    Figures,
    Learnt,
    Level,
    Opened,
    Prepared,
    Proof,
    Told,
    Trace,
)
from sensorai.targets import Devices

#: Samples that are pushed at a time where a stream is compared with whole recordings.
PIECES = 97


class MlcBackend:
    """Sensors with a machine learning core."""

    def check(self, experiment: Experiment) -> list[Problem]:
        """Options that contradict the device, or any log."""
        units = units_asked(experiment)
        try:
            target = find_device(experiment.device_name)
        except UserError as error:
            return [Problem(error.message, hint=error.hint), *units]
        return [*problems_of(experiment, target), *units]

    def rates(self, device: str) -> tuple[str, Sequence[float]]:
        """Rates of the device's sensor."""
        core = find_device(device)
        return core.name, sorted(core.mlc_rates)

    def devices(self) -> Devices:
        """Sensors with a machine learning core."""
        return listed()

    def prepare(self, dataset: Dataset, experiment: Experiment) -> Prepared:
        """Usable sensors at one rate of the core, after a check of their units."""
        target = find_device(experiment.device_name)
        check_device_units(dataset, target)
        slots = usable_sensors(dataset, target, experiment.sensors)
        check_told(dataset, slots)
        out, rate, notes = at_device_rate(dataset, target, experiment)
        return Prepared(out, rate, slots, notes=tuple(notes))

    def emit(self, model: MlcConfig, experiment: Experiment, name: str) -> Artifact:
        """Registers in ST's three syntaxes and in plain C; a TargetError where the device has no room."""
        made = encode(model, name=name)
        texts = {
            f"{name}.json": to_json(made),
            f"{name}.ucf": to_ucf(made),
            f"{name}.h": to_header(made, name),
            f"{name}_plain.h": to_header(made, name, plain=True),
        }
        return Artifact(name, model.device, model, {file: text.encode() for file, text in texts.items()})

    def trace(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """Simulate the registers as they were emitted, never as they were meant."""
        config, style = config_of(artifact), _style(artifact)
        return [trace_of(r, simulate(config, r, style=style, rate="as-is")) for r in recordings]

    def simulate(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """Do the same: what is traced is what was emitted."""
        return self.trace(artifact, recordings)

    def core(self, artifact: Artifact) -> Core:
        """Return the core with its result registers."""
        config, style = config_of(artifact), _style(artifact)
        part = find_device(config.device)
        trees = range(len(config.trees))
        width = part.limits.group_width

        def ran(recording: Recording) -> CoreTrace:
            return simulate(config, recording, style=style, rate="as-is")

        def certain(recording: Recording) -> npt.NDArray[np.bool_]:
            found = ran(recording).tree.astype(np.int64)
            columns = [certain_of(found[:, t] // width, config.trees[t].end_counters) for t in trees]
            return settled(np.stack(columns, axis=1), bool(config.filters))

        return Core(
            tuple(result_name(part, tree) for tree in trees),
            config.window,
            config.window,
            core_rate(config),
            tuple({0: NO_RESULT, **config.trees[tree].labels} for tree in trees),
            lambda one: ran(one).decided.astype(np.int64),
            certain,
        )

    def levels(self, artifact: Artifact, on: Sequence[str] | None = None) -> list[Level]:
        """What was meant, the other syntaxes, and the same recording in pieces."""
        style = _style(artifact)
        out = [_level("model.sai", lambda: artifact.model, style)] if artifact.meant else []
        for file in list(artifact.files)[1:]:
            out.append(_level(file, partial(_decoded, artifact, file), style))
        config = config_of(artifact)

        def in_pieces(traces: Sequence[Trace]) -> Checked:
            return _compared(traces, lambda t: stream_of(config, t.recording, PIECES, style))

        return [*out, Level(f"the same logs in pieces of {PIECES} samples", in_pieces)]

    def figures(self, artifact: Artifact, proof: Proof) -> Figures:
        """Settings, features and registers, with their sources."""
        config = config_of(artifact)
        return {
            **of_registers(config),
            "classifiers": [register_classifier(config, t) for t in range(len(config.trees))],
            "proof": {
                "what": "features and results of the emitted registers, read back, against those of",
                "levels": proof.figures(),
            },
            "cost": {"registers": registers(config, _writes(artifact))},
            "sources": {
                "held_out": "computed: the emitted registers, read back and simulated on recordings of "
                "groups that training did not see",
                "registers": "counted in the emitted file",
            },
        }

    def index(self, artifact: Artifact, learnt: Learnt) -> Figures:
        """Register file, trees, and the configuration as it was meant."""
        return {
            "register_file": f"{artifact.name}.json",
            "trees": [
                {"name": c.name, "column": c.column, "classes": list(c.classes.values())}
                for c in learnt.classifiers
            ],
            "config": describe.as_dict(decode(_parsed(artifact, f"{artifact.name}.json"))),
        }

    def finish(self, artifact: Artifact, learnt: Learnt, report: Figures) -> Mapping[str, bytes]:
        """Trees as text and the settings file of ST's tools."""
        config: MlcConfig = artifact.model
        names = feature_names(config)
        trees = {
            f"tree_{t + 1}.txt": write_tree_text(dt.tree, names, dt.labels)
            for t, dt in enumerate(config.trees)
        }
        told = settings.to_text(config, tree_files=list(trees), name=artifact.name)
        texts = {**trees, "mlc_settings.json": told}
        return {**artifact.files, **{file: text.encode() for file, text in texts.items()}}

    def open(self, path: Path, told: Told) -> Opened:
        """Open a folder of ours, or any register file."""
        found = open_artifact(path, told.device)
        made = opened(with_numbers(with_names(found, told.names)), path, told.style)
        # that the file says another device than was told
        return made if told.device is None else replace(made, notes=tuple(found.decoded.notes))


def opened(found: RegisterFile, path: Path, style: str = "current") -> Opened:
    """What was opened as the road takes it; ``style`` of the core's arithmetic."""
    config = found.config
    files = {one.name: one.read_bytes() for one in (found.path, *found.copies)}
    trees = zip(config.trees, found.columns, strict=True)
    return Opened(
        path,
        "mlc",
        Artifact(
            found.path.stem,
            config.device,
            found.intended or config,
            files,
            found.intended is not None,
            {"style": style},
            config,
        ),
        core_rate(config),
        tuple(Classifier(f"tree{t + 1}", column, dict(dt.labels)) for t, (dt, column) in enumerate(trees)),
        found.test_groups,
        found.train_groups,
        found.states,
    )


def config_of(artifact: Artifact) -> MlcConfig:
    """The configuration that the first register file holds; the others say the same in another syntax."""
    if artifact.opened is not None:
        config: MlcConfig = artifact.opened
        return config
    return _decoded(artifact, next(iter(artifact.files)))


def _writes(artifact: Artifact) -> int:
    """Register operations of the emitted file."""
    return len(_parsed(artifact, next(iter(artifact.files))).ops)


def _parsed(artifact: Artifact, file: str) -> Any:
    return parse_register_file(artifact.files[file], file)


def _decoded(artifact: Artifact, file: str) -> MlcConfig:
    return decode(_parsed(artifact, file), artifact.device).config


def _style(artifact: Artifact) -> str:
    return artifact.options.get("style", "current")


def _level(name: str, config: Callable[[], MlcConfig], style: str) -> Level:
    def check(traces: Sequence[Trace]) -> Checked:
        made = config()
        return _compared(traces, lambda t: columns_of(simulate(made, t.recording, style=style, rate="as-is")))

    return Level(name, check)


def _compared(traces: Sequence[Trace], other: Callable[[Trace], Columns]) -> Checked:
    windows = 0
    for trace in traces:
        found = divergence(trace.recording.name, trace.raw, other(trace))
        if found is not None:
            return Checked(windows, str(found))
        windows += len(trace)
    return Checked(windows)


BACKEND = MlcBackend()
