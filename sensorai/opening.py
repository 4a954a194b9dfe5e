"""Results that were made before, and register files from elsewhere: opened, run, judged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.errors import ConfigError, DataError
from sensorai.experiment import tables
from sensorai.formats.resample import to_rate
from sensorai.learn.states import ANOMALY
from sensorai.logs import PathLike, dataset_of
from sensorai.notes import of_recordings
from sensorai.recording import Dataset, Recording
from sensorai.report import Report
from sensorai.road import Backend, Classifier, Core, Opened, Progress, Proof, Task, Told, Trace
from sensorai.verify.answers import check_labels, check_names, renamed, spelled
from sensorai.verify.prove import prove
from sensorai.verify.sensor import as_levels, compare_sensor
from sensorai.verify.shape import head, listed, merged

if TYPE_CHECKING:
    import pandas as pd

#: What to do with logs at another rate.
RATES = ("resample", "refuse", "as-is")
#: How the note ends where a result is judged on what it learnt from.
TOO_GOOD = "the figures are too good"


def open_result(
    path: str | Path,
    *,
    device: str | None = None,
    style: str = "current",
    names: Mapping[str, str] | None = None,
) -> Opened:
    """Open a folder of results, or a register file of the machine learning core.

    Parameters
    ----------
    path : path
    device : str, optional
        Device, where a register file does not name it.
    style : str
        Arithmetic of the machine learning core: that of today's sensors, or of an older tool of ST.
    names : mapping of code to name, optional
        Names of result codes that a register file does not name, as in ``{"4": "walking"}``.

    Raises
    ------
    ConfigError, DataError
        It is neither, or damaged; or an option that means nothing for a project in C.
    """
    path = Path(path)
    index = _index(path)
    opened = backend_of(target_of(index)).open(path, Told(device, style, names or {}))
    task = index.get("task")
    return replace(opened, task=task) if isinstance(task, str) and task in tables.TASKS else opened


def _index(path: Path) -> Mapping[str, Any]:
    """Index of a folder of results; empty for everything else."""
    from sensorai.files import read_json

    index = path / "model.sai"
    found = read_json(index) if index.is_file() else None
    return found if isinstance(found, dict) else {}


def target_of(index: Mapping[str, Any]) -> str:
    """Target that an index names; without one, the target of register files."""
    target = index.get("target")
    if isinstance(target, str) and target in tables.TARGETS:
        return target
    return tables.REGISTER_FILES


def in_registers(opened: Opened) -> bool:
    """Whether a sensor's registers hold it; else it is a program."""
    return tables.TARGETS[opened.target].takes == "registers"


def backend_of(target: str) -> Backend:
    """The backend of a target."""
    backend: Backend = tables.load(tables.TARGETS[target].place)
    return backend


def simulate(opened: Opened, dataset: Dataset, *, rate: str = "resample") -> list[Trace]:
    """Run what was emitted on recordings; their labels are not looked at.

    Parameters
    ----------
    opened : Opened
    dataset : Dataset
    rate : {"resample", "refuse", "as-is"}
        What to do with logs at another rate than the artifact's: bring them to it, refuse them, or take
        samples in order, as ST's tools do.
    """
    backend = backend_of(opened.target)
    return backend.simulate(opened.artifact, at_rate(opened, dataset, rate))


def at_rate(opened: Opened, dataset: Dataset, rate: str) -> list[Recording]:
    """Recordings at the rate of an artifact."""
    if rate not in RATES:
        raise ConfigError(f"rate={rate!r} is not known", hint="one of " + ", ".join(RATES))
    what = "core" if in_registers(opened) else "project"
    return [to_rate(r, opened.rate_hz, how=rate, what=what) for r in dataset]


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """What came of a validation.

    Attributes
    ----------
    report : Report
    traces : tuple of Trace
    columns : tuple of str
        Label column of each classifier.
    divergence : str or None
        The first difference between two levels, with its level.
    """

    report: Report
    traces: tuple[Trace, ...]
    columns: tuple[str, ...]
    divergence: str | None

    def page(self) -> str:
        """The report as one HTML page with plots of the recordings."""
        from sensorai.report.view import of_trace

        return self.report.html([of_trace(t, self.columns) for t in self.traces])

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


def validate(
    opened: Opened,
    dataset: Dataset,
    *,
    on: Sequence[str] = ("host",),
    rate: str = "resample",
    all_groups: bool = False,
    names: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Judge a result on labelled recordings, and compare all its levels bit by bit.

    Parameters
    ----------
    opened : Opened
    dataset : Dataset
        As recorded; a recording that carries what a sensor said is compared with that, too.
    on : sequence of {"host", "emulator"}
        Where to run C.
    rate : str
        As for ``simulate``.
    all_groups : bool
        Judge on groups that were trained on as well.
    names : mapping of label to class, optional
        Labels of the logs that the model calls otherwise; ``-`` for those that are not judged.

    Raises
    ------
    ConfigError
        ``names`` of labels that no log has, or of classes that the model does not have.
    DataError
        Labels that no class answers to.
    """
    backend, say = backend_of(opened.target), progress or Progress()
    task: Task = tables.load(tables.TASKS[opened.task].place)
    say.step("reading labels", 0.2)
    read = dataset
    dataset, columns = task.labelled(opened, renamed(read, names or {}))
    check_names(read, names or {}, _nameable(opened, read))
    dataset, notes = _unseen(opened, dataset, all_groups)
    core = backend.core(opened.artifact)
    said = [] if core is None else compare_sensor(core, dataset.recordings)
    dataset, alike = _settled(opened, dataset, columns, core)
    recordings = at_rate(opened, dataset, rate)
    say.step("running and comparing", 1.0)
    traces = backend.trace(opened.artifact, recordings)
    compared = prove(backend, opened.artifact, traces, say, on=on)
    proof = Proof(compared.traces, (*compared.levels, *as_levels(said)))
    figures = merged(
        head("validate", opened.task, opened.target, opened.artifact.device, opened.artifact.name),
        {"data": _data(recordings), "settings": {"seed": None}},
        backend.figures(opened.artifact, proof),
        task.rejudge(opened, columns, proof),
        {
            "notes": [*opened.notes, *notes, *alike, *of_recordings(recordings), *map(str, said)],
            "sources": {"held_out": "computed: what the files hold, run on these recordings"},
        },
    )
    say.finish()
    return Validation(Report.of(figures), proof.traces, tuple(columns), proof.divergence)


def _nameable(opened: Opened, dataset: Dataset) -> list[str]:
    """What ``names`` may call a label: a class; of a detector a normal label, or one that logs have."""
    classes = [name for c in opened.classifiers for name in c.classes.values()]
    if opened.states:
        # its own class "normal" is no label: normal is what model.sai lists, all others are anomalies
        labels = dataset.label_set(str(opened.states["column"]))
        classes = [*map(str, opened.states["normal"]), ANOMALY, *labels]
    return list(dict.fromkeys(classes))


def _data(recordings: Sequence[Recording]) -> dict[str, Any]:
    groups = list(dict.fromkeys(r.group for r in recordings))
    return {"recordings": listed(recordings, groups), "groups": groups, "test_groups": groups}


def _unseen(opened: Opened, dataset: Dataset, all_groups: bool) -> tuple[Dataset, list[str]]:
    """Leave out the recordings that the model was trained on, and say so."""
    learnt = [r for r in dataset if r.group in opened.train_groups]
    if not learnt:
        return dataset, []
    count = f"{len(learnt)} of {len(dataset)} recordings are of groups that the model was trained on"
    rest = tuple(r for r in dataset if r.group not in opened.train_groups)
    if all_groups or not rest:
        return dataset, [f"{count}: {TOO_GOOD}"]
    return replace(dataset, recordings=rest), [f"{count} and are left out (--all takes them)"]


def _settled(
    opened: Opened, dataset: Dataset, columns: Sequence[str], core: Core | None
) -> tuple[Dataset, list[str]]:
    """Bring labels and classes together, and say how; logs that carry what a sensor said need none."""
    if opened.states:
        return dataset, []
    optional = core is not None and core.carried_by(dataset.recordings)
    known: dict[str, list[str]] = {}
    for classifier, column in zip(opened.classifiers, columns, strict=True):
        known.setdefault(column, []).extend(classifier.classes.values())
    dataset, notes = spelled(dataset, known)
    for classifier, column in zip(opened.classifiers, columns, strict=True):
        if not dataset.label_set(column) and not optional:
            raise DataError(
                f"the logs have no labels in column {column!r}, which {classifier.name} answers",
                hint="give them with --label NAME=GLOB, or look at results with 'sensorai simulate'",
            )
        check_labels(
            dataset, column, list(classifier.classes.values()), classifier.name, _way_out(opened, classifier)
        )
    return dataset, notes


def _way_out(opened: Opened, classifier: Classifier) -> str:
    """What the classes are, and how codes without a name get one."""
    shown = ", ".join(
        str(code) if name == str(code) else f"{code} ({name})" for code, name in classifier.classes.items()
    )
    unnamed = next((code for code, name in classifier.classes.items() if name == str(code)), None)
    if not in_registers(opened) or unnamed is None:
        return f"its classes are {shown}"
    place = opened.classifiers.index(classifier) + 1
    which = f"{place}:{unnamed}" if len(opened.classifiers) > 1 else str(unnamed)
    return f"its codes are {shown}: name them with --class CODE=NAME, as in --class {which}=NAME"


@dataclass(frozen=True, slots=True, repr=False)
class Model:
    """A result that was made before: run it, judge it.

    Attributes
    ----------
    opened : Opened
        What was opened: files, device, classifiers with the names of their codes.
    """

    opened: Opened

    def simulate(
        self, logs: Dataset | PathLike | Sequence[PathLike], *, rate: str = "resample", **how: Any
    ) -> pd.DataFrame:
        """Run the emitted bytes on logs; their labels are not looked at.

        Parameters
        ----------
        logs : Dataset, or path or paths
        rate : {"resample", "refuse", "as-is"}
            What to do with logs at another rate than the model's: bring them to it, refuse them, or take
            samples in order, as ST's tools do.
        **how
            Of paths: what logs do not say themselves, as for ``sensorai.read``.

        Returns
        -------
        DataFrame
            A row for each window: ``recording``; ``time_s`` and ``sample`` (count, at the model's rate) of
            its end; features (registers) or scores (C); what the model answers, and what is decided after its
            filter.

        Raises
        ------
        ConfigError, DataError
            Logs that cannot be read, lack a sensor of the model, or are in units that do not fit.
        ToolMissing
            C is to be run and there is no compiler.
        """
        return table_of(simulate(self.opened, dataset_of(logs, how), rate=rate))

    def validate(
        self,
        logs: Dataset | PathLike | Sequence[PathLike],
        *,
        on: Sequence[str] = ("host",),
        rate: str = "resample",
        all_groups: bool = False,
        names: Mapping[str, str] | None = None,
        progress: Callable[[str, float], None] | None = None,
        **how: Any,
    ) -> Validation:
        """Judge on labelled logs, and compare all levels bit by bit.

        Parameters
        ----------
        logs : Dataset, or path or paths
        on : sequence of {"host", "emulator"}
            Where C runs.
        rate : {"resample", "refuse", "as-is"}
            As for ``simulate``.
        all_groups : bool
            Judge on groups that were trained on as well; the figures are then too good, and say so.
        names : mapping of label to class, optional
            Labels that the model calls otherwise, as in ``{"walk": "walking"}``; ``-`` for those that are not
            judged.
        progress : callable of (words, done), optional
            Told what is going on, and how much is done (0 to 1).
        **how
            Of paths: what logs do not say themselves, as for ``sensorai.read``.

        Returns
        -------
        Validation
            ``report``, which shows itself in a notebook, and ``divergence``: the first difference between two
            levels, None where there is none.

        Raises
        ------
        ConfigError, DataError
            Logs that cannot be read, labels that no class answers to, or ``names`` that do not occur.
        ToolMissing
            C is to be run and there is no compiler.
        """
        return validate(
            self.opened,
            dataset_of(logs, how),
            on=on,
            rate=rate,
            all_groups=all_groups,
            names=names,
            progress=Progress(progress),
        )

    def __repr__(self) -> str:
        artifact = self.opened.artifact
        return f"<{artifact.name} for {artifact.device} ({self.opened.target}), {self.opened.rate_hz:g} Hz>"


def table_of(traces: Sequence[Trace]) -> pd.DataFrame:
    """Traces as one table, a row for each window."""
    import pandas as pd

    frames = [t.frame().assign(recording=t.recording.name) for t in traces]
    whole = pd.concat(frames, ignore_index=True)
    return whole[["recording", *(c for c in whole.columns if c != "recording")]]
