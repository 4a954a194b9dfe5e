"""The road from an experiment to an artifact, its proof and its report: for every target, task and family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorai import workers
from sensorai.errors import VerifyMismatch
from sensorai.experiment import Experiment, checked, tables
from sensorai.experiment.words import c_name
from sensorai.learn.askrate import no_rate
from sensorai.learn.confounding import about
from sensorai.notes import of_recordings
from sensorai.reading import read, read_test
from sensorai.recording import LABEL, Dataset
from sensorai.report import Report
from sensorai.result import Result
from sensorai.road import Artifact, Backend, Family, Figures, Learnt, Lesson, Progress, Task
from sensorai.verify.prove import prove
from sensorai.verify.shape import head, merged
from sensorai.work import Work
from sensorai.writing import jsontext

#: Version of ``model.sai``.
VERSION = 2


def run(
    experiment: Experiment,
    dataset: Dataset | None = None,
    *,
    test: Dataset | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Result:
    """Learn from logs, emit, run what was emitted, judge.

    Parameters
    ----------
    experiment : Experiment
    dataset : Dataset, optional
        Recordings in place of the experiment's ``logs``.
    test : Dataset, optional
        Recordings that only test, in place of the experiment's ``test``.
    progress : callable of (words, done), optional
        Told what is going on, and how much of the road is done (0 to 1). What it raises stops the road, which
        leaves nothing behind.

    Returns
    -------
    Result
        Nothing is written before ``Result.save``.

    Raises
    ------
    ExperimentError
        Everything that is wrong with the experiment, at once.
    ConfigError, DataError, TargetError, ToolMissing
        The logs do not bear it, or the device has no room for it.
    VerifyMismatch
        What was emitted does not do what was meant; a fault of ours.
    """
    say = Progress(progress)
    experiment = checked(experiment)
    backend: Backend = tables.load(experiment.target_facts.place)
    task: Task = tables.load(experiment.task_facts.place)
    family: Family = tables.load(experiment.family_facts.place)
    name = name_of(experiment)
    work = workers.of(experiment)
    try:
        return _run(experiment, name, (backend, task, family), (dataset, test), work, say)
    finally:
        work.close()


def _run(
    experiment: Experiment,
    name: str,
    who: tuple[Backend, Task, Family],
    given: tuple[Dataset | None, Dataset | None],
    work: Work,
    say: Progress,
) -> Result:
    """The road itself."""
    backend, task, family = who
    say.step("reading logs", 0.1)
    dataset, test, looked = _logs(experiment, backend, *given, work)
    say.step("sharing out and preparing the logs", 0.15)
    share = task.share(dataset, experiment, test)
    prepared = backend.prepare(share.recordings, experiment)
    say.step("learning", 0.75)
    learnt = family.learn(Lesson(experiment, prepared, share.of(prepared.dataset), name, work), say)
    say.step("emitting, and running it on logs", 1.0)
    artifact = backend.emit(learnt.model, experiment, name)
    proof = prove(backend, artifact, backend.trace(artifact, learnt.test), say, learnt.levels)
    if proof.divergence is not None:
        raise VerifyMismatch(f"what was emitted is not what was meant: {proof.divergence}", where=name)
    said = {
        "notes": [*share.notes, *of_recordings(dataset), *prepared.notes, *learnt.notes],
        "warnings": [*learnt.warnings, *looked],
    }
    judged = task.judge(experiment, learnt, proof)
    figures = _figures(experiment, artifact, said, learnt, judged, backend.figures(artifact, proof))
    files = {
        **learnt.files,
        **backend.finish(artifact, learnt, figures),
        "report.json": to_json(figures),
    }
    indexed = _indexed(files, backend, artifact, learnt, experiment)
    say.finish()
    return Result(experiment.with_(name=name), Report.of(figures), artifact, indexed, learnt, proof)


def _logs(
    experiment: Experiment, backend: Backend, dataset: Dataset | None, test: Dataset | None, work: Work
) -> tuple[Dataset, Dataset | None, list[str]]:
    """Logs to learn from and logs that only test, and what must be said of them first."""
    columns = [column for _, column in experiment.tree]
    dataset = read(experiment, columns=columns, work=work) if dataset is None else dataset
    test = read_test(experiment, columns, work) if test is None else test
    if experiment.rate is None and not any(r.rate_hz for r in dataset):
        raise no_rate(dataset, *backend.rates(experiment.device_name))
    return dataset, test, about(dataset, columns or [LABEL])


def _figures(
    experiment: Experiment,
    artifact: Artifact,
    said: Mapping[str, list[str]],
    learnt: Learnt,
    judged: Figures,
    counted: Figures,
) -> dict[str, Any]:
    """Sections of all who know some, put together; what learning knows wins over what the target can tell."""
    figures = merged(
        head("train", experiment.task, experiment.target, artifact.device, artifact.name),
        learnt.figures,
        counted,
        judged,
        learnt.figures,
        {"settings": {"seed": experiment.seed}},
    )
    return {**figures, **{key: [*judged.get(key, []), *said[key]] for key in said}}


def _indexed(
    files: Mapping[str, bytes], backend: Backend, artifact: Artifact, learnt: Learnt, experiment: Experiment
) -> dict[str, bytes]:
    """Files with their index ``model.sai``."""
    index = {
        "format": "sensorai-model",
        "version": VERSION,
        "target": experiment.target,
        "task": experiment.task,
        "name": artifact.name,
        "test_groups": list(learnt.test_groups),
        "train_groups": list(learnt.train_groups),
        "files": sorted([*files, "model.sai", "report.html", "sensorai.toml"]),
        **backend.index(artifact, learnt),
        **learnt.index,
    }
    return {**files, "model.sai": to_json(index)}


def to_json(value: object) -> bytes:
    """Return values as JSON text."""
    return jsontext.document(value).encode()


def name_of(experiment: Experiment) -> str:
    """Name of files and identifiers: the given one, or that of the log or of the folder that holds the logs.

    Raises
    ------
    ConfigError
        A given name is no C identifier.
    """
    from sensorai.writing.clang import free_identifier, nearest

    if experiment.name is not None:
        return c_name(experiment.name)
    return str(free_identifier(nearest(_stem(experiment.logs))))


def _stem(logs: Sequence[str]) -> str:
    """Name of the log, or of the folder that holds them all.

    A folder whose name says only that logs lie there gives way to the one above, as far as the paths name it:
    the name of a result must not depend on the folder where it was made.
    """
    from os.path import commonpath, normpath

    from sensorai.formats.dataset import any_logs
    from sensorai.formats.read import stem

    if not logs:
        return "model"
    paths = [Path(log) for log in logs]
    if len(paths) == 1 and not paths[0].is_dir():
        return stem(paths[0]) or "model"
    common = Path(commonpath([path.resolve() for path in paths]))
    name = (common if common.is_dir() else common.parent).name or "model"
    if not any_logs(name) or len({path.is_absolute() for path in paths}) > 1:
        return name
    shared = Path(commonpath([normpath(path) for path in paths]))
    above = next((part for part in reversed(shared.parts) if not any_logs(part)), "..")
    return name if above in ("..", shared.anchor) else above
