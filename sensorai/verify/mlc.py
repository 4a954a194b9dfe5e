"""An MLC artifact on recordings: traces, judgements, and the comparison of its levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.mlc.artifact import Artifact
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.decode import decode
from sensorai.mlc.labels import feature_names
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.simulate import Trace, at_core_rate, simulate
from sensorai.recording import Dataset, Recording
from sensorai.verify.compare import Divergence, first_divergence
from sensorai.verify.judge import TreeJudgement, judge


@dataclass(frozen=True, slots=True)
class Run:
    """One recording at the core's rate and what the registers make of it."""

    recording: Recording
    trace: Trace


def run_all(
    config: MlcConfig, dataset: Dataset, *, style: str = "current", rate: str = "resample"
) -> list[Run]:
    """Simulate every recording."""
    runs = []
    for recording in dataset:
        prepared = at_core_rate(recording, config, rate)
        runs.append(Run(prepared, simulate(config, prepared, style=style, rate="as-is")))
    return runs


def judge_all(runs: Sequence[Run], columns: Sequence[str]) -> list[TreeJudgement]:
    """Compare every tree with the label column it answers."""
    trees = runs[0].trace.config.trees
    return [
        judge([r.trace for r in runs], [r.recording for r in runs], t, column, list(dt.labels.values()))
        for t, (dt, column) in enumerate(zip(trees, columns, strict=True))
    ]


def columns_of(trace: Trace) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Every value of a trace by name, in the order of computation."""
    out = {name: trace.features[:, i] for i, name in enumerate(feature_names(trace.config))}
    for t in range(len(trace.config.trees)):
        out[f"tree {t + 1}"] = trace.tree[:, t].astype(np.float64)
    for t in range(len(trace.config.trees)):
        out[f"decided {t + 1}"] = trace.decided[:, t].astype(np.float64)
    return out


@dataclass(frozen=True, slots=True)
class Level:
    """Another statement of the same configuration, compared with the register file.

    Attributes
    ----------
    name : str
        ``model.sai``, ``NAME.ucf`` ...
    windows : int
        Windows compared.
    divergence : Divergence or None
    """

    name: str
    windows: int
    divergence: Divergence | None


def compare_levels(
    artifact: Artifact, runs: Sequence[Run], *, style: str = "current", pieces: int = 97
) -> list[Level]:
    """Compare the register file with every other level of the artifact, bit by bit.

    Levels are the model file (what was meant), the same registers in other syntaxes, and the stream:
    the recording pushed ``pieces`` samples at a time.
    """
    levels: list[tuple[str, MlcConfig]] = []
    if artifact.intended is not None:
        levels.append(("model.sai", artifact.intended))
    for copy in artifact.copies:
        levels.append((copy.name, decode(read_register_file(copy), artifact.config.device).config))
    out = [_compare(name, config, runs, style) for name, config in levels]
    out.append(_compare_stream(artifact.config, runs, style, pieces))
    return out


def _compare(name: str, config: MlcConfig, runs: Sequence[Run], style: str) -> Level:
    windows = 0
    for run in runs:
        other = simulate(config, run.recording, style=style, rate="as-is")
        found = _divergence(run, columns_of(other))
        if found is not None:
            return Level(name, windows, found)
        windows += len(run.trace)
    return Level(name, windows, None)


def _compare_stream(config: MlcConfig, runs: Sequence[Run], style: str, pieces: int) -> Level:
    from sensorai.mlc.simulate import stream

    windows = 0
    for run in runs:
        parts = [columns_of(t) for t in stream(config, run.recording, pieces, style=style)]
        whole = {
            k: np.concatenate([p[k] for p in parts]) if parts else v for k, v in columns_of(run.trace).items()
        }
        found = _divergence(run, whole)
        if found is not None:
            return Level(f"the same logs in pieces of {pieces} samples", windows, found)
        windows += len(run.trace)
    return Level(f"the same logs in pieces of {pieces} samples", windows, None)


def _divergence(
    run: Run, other: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]
) -> Divergence | None:
    mine = columns_of(run.trace)
    # another level may hold another number of features or trees: that, too, is a divergence
    if list(mine) != list(other):
        extra = sorted(set(mine) ^ set(other))[0]
        return Divergence(run.recording.name, 0, extra, float(extra in other), float(extra in mine))
    return first_divergence(run.recording.name, other, mine)
