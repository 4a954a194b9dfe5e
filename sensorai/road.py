"""What passes along the road from an experiment to its report, and who works on it.

    Experiment -> Dataset -> Prepared -> Share -> Learnt -> Artifact -> Proof -> Report

A `Backend` knows a target, a `Task` knows what is asked of the logs, a `Family` knows how a kind of model is
learnt. None of them knows another: ``sensorai.run`` brings them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, Problem
from sensorai.experiment import Experiment
from sensorai.recording import Dataset, Recording
from sensorai.targets import Devices
from sensorai.work import SERIAL, Work

if TYPE_CHECKING:
    import pandas as pd

#: A part of ``report.json`` (``sensorai.report``).
Figures = Mapping[str, Any]


class Progress:
    """Tells somebody how far the road is; stops it when that somebody raises.

    Parameters
    ----------
    tell : callable of (words, done)
        ``done`` is between 0 and 1, of the whole road.
    """

    def __init__(self, tell: Callable[[str, float], None] | None = None) -> None:
        self._tell = tell or (lambda words, done: None)
        self._words, self._from, self._until, self._done = "", 0.0, 0.0, 0.0

    def step(self, words: str, until: float) -> None:
        """Begin a step that takes the road to ``until``."""
        self._from, self._until = self._until, until
        self._say(words, self._from)

    def __call__(self, words: str) -> None:
        """Say what is going on within a step."""
        self._say(words, self._done)

    def within(self, share: float) -> None:
        """Say how much of the step is done; it never goes back."""
        now = self._from + (self._until - self._from) * min(max(share, 0.0), 1.0)
        self._say(self._words, max(self._done, now))

    def part(self, start: float, stop: float, words: bool = True) -> Progress:
        """Return a progress for a part of the step: what is done of the part is told as so much of the step.

        Without ``words`` only the share is told.
        """

        def tell(text: str, done: float) -> None:
            if words and text:
                self._words = text
            self.within(start + (stop - start) * done)

        out = Progress(tell)
        out._until = 1.0
        return out

    def finish(self) -> None:
        """Say that all is done."""
        self._from = self._until = 1.0
        self._say("done", 1.0)

    def __reduce__(self) -> tuple[Any, ...]:
        # whoever is told is in this process
        return Progress, ()

    def _say(self, words: str, done: float) -> None:
        self._words, self._done = words, done
        self._tell(words, done)


#: For whoever is not told.
SILENT = Progress()


@dataclass(frozen=True, slots=True)
class Need:
    """What a model takes on its device.

    Attributes
    ----------
    flash, ram : int
        Bytes; RAM with the stack.
    source : str
        Where the bytes come from: compiled, or counted.
    problems : tuple of Problem
        What does not fit; empty where all does.
    """

    flash: int
    ram: int
    source: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """Logs as a device would record them.

    Attributes
    ----------
    dataset : Dataset
        At the rate of the device; copies of recordings left out.
    rate_hz : float
    sensors : tuple of str
        Sensors that may be used.
    scales : mapping of sensor to (full scale, value of a count)
        What the device's sensors can be set to (``sensorai.cproject.scales``); empty: no matter.
    notes : tuple of str
        What was done.
    need : callable of model to Need, optional
        What a model takes on the device; None where only its own limits count.
    """

    dataset: Dataset
    rate_hz: float
    sensors: tuple[str, ...]
    scales: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    need: Callable[[Any], Need] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What a model does on one recording, a row per window; the same for every target.

    Attributes
    ----------
    recording : Recording
        At the rate of the model.
    window, stride : int
        Samples.
    end : ndarray, shape (windows,), int64
        Samples seen at the end of each window.
    answers, decided : tuple of list of str
        For each classifier: the class named in each window, and what comes out after the decision filter.
    sensors : tuple of str
        Sensors that the model looks at.
    strips : tuple of str
        What ``answers`` and ``decided`` are called on this target.
    raw : object
        The backend's own trace: ``sensorai.mlc.simulate.Trace`` or ``sensorai.model.pipeline.PipelineTrace``.
    frame : callable
        Makes a DataFrame with a row per window.
    changes : tuple of int
        How often each classifier's result changes.
    scores : ndarray, shape (windows, classes), optional
        Of the one classifier; None where the model only names a class.
    classes : tuple of str
        Of the scores.
    settles : bool
        Whether filters start from zero in the first window, which then says nothing of the movement.
    """

    recording: Recording
    window: int
    stride: int
    end: npt.NDArray[np.int64]
    answers: tuple[list[str], ...]
    decided: tuple[list[str], ...]
    sensors: tuple[str, ...]
    strips: tuple[str, str]
    raw: Any
    frame: Callable[[], pd.DataFrame]
    changes: tuple[int, ...]
    scores: npt.NDArray[np.number[Any]] | None = None
    classes: tuple[str, ...] = ()
    settles: bool = False

    def __len__(self) -> int:
        return len(self.end)

    def truth(self, column: str) -> list[str | None]:
        """Label of each window; None where it is not wholly inside one label."""
        spans = self.recording.labels.get(column, ())
        return [
            next((s.label for s in spans if s.start <= end - self.window and end <= s.stop), None)
            for end in self.end.tolist()
        ]


@dataclass(frozen=True, slots=True)
class Classifier:
    """One question that a model answers: a tree of the registers, or the model in C.

    Attributes
    ----------
    name, column : str
        The column holds its labels.
    classes : mapping of int to str
        By code.
    """

    name: str
    column: str
    classes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Artifact:
    """What was emitted: files as bytes, and what they mean.

    Attributes
    ----------
    name, device : str
    model : object
        What was meant: ``sensorai.mlc.config.MlcConfig`` or ``sensorai.model.pipeline.Pipeline``.
    files : mapping of name to bytes
        Of register files, the one that is run stands first.
    meant : bool
        Whether ``model`` is what was meant, and not only what the files say.
    options : mapping
        How it is run, where there is a choice: ``style`` of the machine learning core's arithmetic.
    opened : object, optional
        What the first register file holds, where it was read already (a user may have named classes).
    """

    name: str
    device: str
    model: Any
    files: Mapping[str, bytes]
    meant: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    opened: Any = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A result that was made before.

    Attributes
    ----------
    path : Path
    target : str
    artifact : Artifact
    rate_hz : float
        Samples per second that it takes.
    classifiers : tuple of Classifier
    test_groups, train_groups : tuple of str
        Of the training; empty for a register file from elsewhere.
    states : mapping
        Of a detector: the label ``column`` and the ``normal`` labels; else empty.
    notes : tuple of str
        What is to be said of the files.
    task : str
        What it was learnt for; ``classify`` for a register file from elsewhere.
    events : tuple of str
        Labels of events, where these open the windows.
    """

    path: Path
    target: str
    artifact: Artifact
    rate_hz: float
    classifiers: tuple[Classifier, ...]
    test_groups: tuple[str, ...] = ()
    train_groups: tuple[str, ...] = ()
    states: Figures = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    task: str = "classify"
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of files that do not say it themselves.

    Attributes
    ----------
    device : str, optional
    style : str
        Arithmetic of the machine learning core: that of today's sensors, or of an older tool of ST.
    names : mapping of code to name
        As in ``{"4": "walking"}``.
    """

    device: str | None = None
    style: str = "current"
    names: Mapping[str, str] = field(default_factory=dict)

    def refused(self, path: Path, what: str) -> None:
        """Refuse what means nothing for a result that says all itself; ``what`` it is."""
        told = {
            "--device": self.device is not None,
            "--style": self.style != "current",
            "--class": self.names,
        }
        if wrong := [option for option, there in told.items() if there]:
            raise ConfigError(
                f"{' and '.join(wrong)}: only for register files, and this is {what}",
                where=str(path),
                hint=f"drop {' and '.join(wrong)}",
            )


@dataclass(frozen=True, slots=True)
class Core:
    """A core with result registers, as the comparison sees it.

    Attributes
    ----------
    columns : tuple of str
        Names of the result registers: the columns of a log that hold them.
    window, stride : int
        Samples of a window, and from one window to the next.
    rate_hz : float
        Samples per second that the core takes.
    labels : tuple of mapping
        Class names by code, for each register.
    decide : function of Recording to int64 array, shape (windows, registers)
        Registers after each window of a recording at the core's rate, from its first sample on.
    certain : function of Recording to bool array, shape (windows, registers)
        Whether a register holds the same whatever was before the recording.
    """

    columns: tuple[str, ...]
    window: int
    stride: int
    rate_hz: float
    labels: tuple[Mapping[int, str], ...]
    decide: Callable[[Recording], npt.NDArray[np.int64]]
    certain: Callable[[Recording], npt.NDArray[np.bool_]]

    def carried_by(self, recordings: Sequence[Recording]) -> bool:
        """Whether some recording carries what the core said."""
        return any(set(self.columns) & {c.name for c in one.channels} for one in recordings)


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of comparing one level: windows compared, the first difference in words, what it cost."""

    windows: int
    divergence: str | None = None
    cost: Any = None


@dataclass(frozen=True, slots=True)
class Level:
    """One way of running what was emitted.

    Attributes
    ----------
    name : str
        As the report calls it.
    check : callable of traces to Checked, optional
        Runs the recordings of the traces and compares every window; None where it cannot be run here.
    missing : str
        Then: what is missing, and the line that installs it.
    """

    name: str
    check: Callable[[Sequence[Trace]], Checked] | None
    missing: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # what it found is kept elsewhere; how it is run belongs to this process
        return Level, (self.name, None, self.missing)


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """Traces of the recordings, and the levels that were compared with them.

    Attributes
    ----------
    traces : tuple of Trace
    levels : tuple of (Level, Checked or None)
        None where a level could not be run here.
    """

    traces: tuple[Trace, ...]
    levels: tuple[tuple[Level, Checked | None], ...]

    def figures(self) -> list[dict[str, Any]]:
        """Levels as the report says them."""
        return [
            {"level": level.name, "missing": level.missing}
            if checked is None
            else {
                "level": level.name,
                "windows": checked.windows,
                "first_divergence": checked.divergence,
            }
            for level, checked in self.levels
        ]

    @property
    def divergence(self) -> str | None:
        """The first difference, with the level that has it."""
        return next(
            (f"{level.name}: {got.divergence}" for level, got in self.levels if got and got.divergence), None
        )

    def cost(self) -> Any:
        """What a level says of cost; None where none does."""
        return next((got.cost for _, got in self.levels if got and got.cost is not None), None)


class Share(Protocol):
    """Recordings shared out, by what they are for."""

    @property
    def recordings(self) -> Dataset:
        """All of them."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of it."""
        ...

    def of(self, recordings: Dataset) -> Share:
        """Return the same share of recordings that were made, one by one, from ``recordings``."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """Everything that a family learns from.

    Attributes
    ----------
    experiment : Experiment
        Checked.
    prepared : Prepared
    share : object
        How the task shares the recordings out.
    name : str
        Of the model.
    work : Work
        Where folds are learnt.
    """

    experiment: Experiment
    prepared: Prepared
    share: Any
    name: str
    work: Work = SERIAL


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Groups, and what a model that did not learn from them does on their recordings.

    Attributes
    ----------
    groups : tuple of str
    traces : tuple of Trace
    """

    groups: tuple[str, ...]
    traces: tuple[Trace, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A model, and what its learning has to say.

    Attributes
    ----------
    model : object
        As the backend takes it.
    classifiers : tuple of Classifier
    test : tuple of Recording
        What the emitted files are run on, at the rate of the device.
    test_groups, train_groups : tuple of str
        Of ``test``, where it was kept from learning, else none; and groups that were learnt from.
    figures : mapping
        Sections of the report that learning knows.
    notes, warnings : tuple of str
    seen : tuple
        What each classifier does on what it learnt from (``sensorai.verify.verdict.Seen``).
    levels : tuple of Level
        Comparisons that only the learner can make.
    detector : Detector, optional
        How it scores; of detectors alone.
    index : mapping
        What ``model.sai`` says of it beside what the backend does.
    files : mapping of name to bytes
        What is kept beside the artifact.
    folds : tuple of Fold
        What the same procedure is worth on groups that it did not see.
    events : tuple of str
        Labels of events, where these open the windows.
    """

    model: Any
    classifiers: tuple[Classifier, ...]
    test: tuple[Recording, ...]
    test_groups: tuple[str, ...]
    train_groups: tuple[str, ...]
    figures: Figures
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    seen: tuple[Any, ...] = ()
    levels: tuple[Level, ...] = ()
    detector: Detector | None = None
    index: Figures = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    folds: tuple[Fold, ...] = ()
    events: tuple[str, ...] = ()

    def judged(self, proof: Proof) -> tuple[Trace, ...]:
        """Traces of recordings that were not learnt from: of a test that was kept, or of the folds."""
        if self.test_groups or not self.folds:
            return proof.traces
        return tuple(trace for fold in self.folds for trace in fold.traces)


class Detector(Protocol):
    """How a model that learnt normal logs scores and explains."""

    @property
    def parts(self) -> Any:
        """What was normal, and which recordings are for what (``sensorai.learn.states.Parts``)."""
        ...

    @property
    def chosen(self) -> Any:
        """The threshold, and what was seen when it was chosen (``sensorai.verify.alarms.Threshold``)."""
        ...

    def scored(self, trace: Trace) -> Any:
        """Scores of the windows beside what their labels say (``sensorai.verify.alarms.ScoredLog``)."""
        ...

    def rescored(self, recordings: Sequence[Recording]) -> list[Any]:
        """Scores of other recordings, by the reference (``sensorai.verify.alarms.ScoredLog``)."""
        ...

    def because(self, trace: Trace, window: int) -> list[dict[str, Any]]:
        """Features that raised an alarm, with their shares, the largest first."""
        ...

    def figures(self, logs: Sequence[Any], traces: Sequence[Trace]) -> Figures:
        """What else is known of its scores on the test, for the report's ``alarms``."""
        ...


class Backend(Protocol):
    """All that is known of a target. Pure, but for what levels run."""

    def check(self, experiment: Experiment) -> list[Problem]:
        """Options that contradict the device, all at once."""
        ...

    def rates(self, device: str) -> tuple[str, Sequence[float]]:
        """Full name of a device, and the rates in Hz of its sensor; none where it has no sensor."""
        ...

    def devices(self) -> Devices:
        """All devices, for lists of them."""
        ...

    def prepare(self, dataset: Dataset, experiment: Experiment) -> Prepared:
        """Bring logs, some of which say their rate, to what the device would record."""
        ...

    def emit(self, model: Any, experiment: Experiment, name: str) -> Artifact:
        """Write the model for the device; a TargetError where it has no room."""
        ...

    def trace(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """What the artifact does; recordings are at its rate."""
        ...

    def levels(self, artifact: Artifact, on: Sequence[str] | None = None) -> list[Level]:
        """Ways of running the emitted bytes; ``on`` picks some."""
        ...

    def figures(self, artifact: Artifact, proof: Proof) -> Figures:
        """Sections of the report that the target knows: settings, model, features, proof, cost, sources."""
        ...

    def index(self, artifact: Artifact, learnt: Learnt) -> Figures:
        """What ``model.sai`` says, so that the result can be opened again."""
        ...

    def finish(self, artifact: Artifact, learnt: Learnt, report: Figures) -> Mapping[str, bytes]:
        """Files of the result beside report and index: those of the artifact, and what goes with it."""
        ...

    def simulate(self, artifact: Artifact, recordings: Sequence[Recording]) -> list[Trace]:
        """Run the emitted bytes; recordings are at the artifact's rate."""
        ...

    def core(self, artifact: Artifact) -> Core | None:
        """The core with result registers that a sensor has; None where there is no sensor."""
        ...

    def open(self, path: Path, told: Told) -> Opened:
        """Open a result that was made before; a ConfigError for what is said of it and means nothing."""
        ...


class Task(Protocol):
    """What is asked of the logs."""

    def share(self, dataset: Dataset, experiment: Experiment, test: Dataset | None) -> Share:
        """Which recordings are learnt from, which choose, which test; ``test`` are logs that only test."""
        ...

    def judge(self, experiment: Experiment, learnt: Learnt, proof: Proof) -> Figures:
        """Sections of the report that say how good it is."""
        ...

    def labelled(self, opened: Opened, dataset: Dataset) -> tuple[Dataset, list[str]]:
        """Logs that judge a result made before, and the label column of each of its classifiers."""
        ...

    def rejudge(self, opened: Opened, columns: Sequence[str], proof: Proof) -> Figures:
        """Sections of the report that say how good a result made before is on such logs."""
        ...


class Family(Protocol):
    """How a kind of model is learnt."""

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Learn, choose, and say why."""
        ...
