"""What a user asks for, as one value.

Flags, ``sensorai.toml`` and Python parameters have the same names and mean the same: each is a field here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial, wraps
from textwrap import fill
from typing import TYPE_CHECKING, Any

from sensorai.errors import ExperimentError, Problem
from sensorai.experiment import tables
from sensorai.experiment.option import KINDS, Only, Option, option
from sensorai.targets import closest

if TYPE_CHECKING:
    from sensorai.experiment.tables import FamilyFacts, TargetFacts, TaskFacts

#: Names with a value each, in order; held as pairs so that an experiment stays immutable.
Pairs = tuple[tuple[str, str], ...]

_REGISTERS = Only(takes="registers")
_CODE = Only(takes="pipeline")
_EVENT = Only(takes="pipeline", one_class=False)
_NETS = Only(takes="pipeline", models=("mlp", "cnn"))
_ANOMALY = Only(task="anomaly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Data, split, task, target, model and options; ``None`` or empty means: chosen from the data."""

    # ---- target, task, model: what matters first
    target: str = option(
        "",
        "target",
        "choice",
        tables.told(tables.TARGETS),
        choices=lambda: tuple(tables.TARGETS),
        first=True,
    )
    device: str | None = option(
        None,
        "target",
        "text",
        "Device, or a unique prefix of it (default: "
        + ", ".join(f"{facts.device} for {name}" for name, facts in tables.TARGETS.items())
        + ").",
        metavar="NAME",
        first=True,
    )
    model: str | None = option(
        None,
        "model",
        "choice",
        "tree, forest, mlp (default) or cnn in C, a tree on the MLC; for --task anomaly a detector that "
        "learns from normal logs: gmm (default), mahalanobis, prototypes, isolation-forest or autoencoder in "
        "C, box on the MLC; or a classifier where faults are labelled.",
        metavar="MODEL",
        choices=tables.families,
        first=True,
    )
    task: str = option(
        "classify",
        "task",
        "choice",
        tables.told(tables.TASKS),
        choices=lambda: tuple(tables.TASKS),
        first=True,
    )

    # ---- logs
    logs: tuple[str, ...] = option((), "data", "paths", "Log files, or folders of them.", metavar="LOG...")
    label: Pairs = option(
        (),
        "data",
        "globs",
        "Class NAME for the logs that match GLOB (repeat).",
        metavar="NAME=GLOB",
        example="walking=walk*.csv",
    )
    label_column: str | None = option(
        None,
        "data",
        "text",
        "Column that holds the class, where it is not called 'label'.",
        metavar="NAME",
    )
    group_column: str | None = option(
        None,
        "data",
        "text",
        "Column that must not be split between training and test (default: group or subject).",
        metavar="NAME",
    )
    group_path: str | None = option(
        None,
        "data",
        "text",
        "Group of a log from its path: the first match group of REGEX.",
        metavar="REGEX",
    )
    column: Pairs = option(
        (),
        "data",
        "pairs",
        "Channel (acc_x ...) in a column of this name (repeat).",
        metavar="CHANNEL=COLUMN",
        example="acc_x=ax",
    )
    unit: Pairs = option(
        (),
        "data",
        "pairs",
        "Unit of a sensor, a channel or 'time', as in acc=mg (repeat).",
        metavar="SENSOR=UNIT",
        example="acc=mg",
    )
    log_rate: float | None = option(
        None,
        "data",
        "number",
        "Sample rate of the logs, where they do not say it (or wrongly).",
        metavar="HZ",
    )
    log_sensor: str | None = option(
        None, "data", "text", "Sensor to read, where a log has several of them.", metavar="NAME"
    )
    mapping: str | None = option(
        None,
        "data",
        "path",
        "What the columns of the logs mean (docs/formats.md).",
        metavar="FILE.toml",
    )
    header: str | None = option(None, "data", "text", "Header line for logs that have none.", metavar="LINE")
    short_rows: str = option(
        "refuse",
        "data",
        "choice",
        "Rows with too few cells: refuse, or read 0 as ST's old tools did.",
        choices=lambda: ("refuse", "zero"),
    )

    # ---- what is kept for the test
    split: str = option(
        "auto",
        "split",
        "choice",
        "Judge by whole groups, or by the parts of each log in time (says less); auto: groups, and "
        "time where a class has a single one.",
        choices=lambda: ("auto", "group", "time"),
    )
    test_groups: tuple[str, ...] = option(
        (),
        "split",
        "list",
        "Groups kept for a test of the delivered model (default: none).",
        metavar="NAME,...",
    )
    test: tuple[str, ...] = option(
        (),
        "split",
        "paths",
        "Logs that only judge the delivered model (repeat).",
        metavar="LOG",
    )
    test_share: float | None = option(
        None,
        "split",
        "number",
        "Share of the logs kept for a test of the delivered model (default: a quarter for detectors of "
        "anomalies; else none, all groups are learnt from and folds judge).",
        metavar="SHARE",
        least=0.05,
        most=0.5,
    )
    folds: int | None = option(
        None,
        "split",
        "integer",
        "Folds over groups that judge the procedure, at most (default: 5 for trees, forests and an mlp in C, "
        "3 for a cnn, 4 on the MLC); 0: none, which is fast, and the logs kept for a test judge alone.",
        metavar="N",
        least=0,
        most=20,
        only=Only(one_class=False),
    )
    seed: int = option(
        0,
        "split",
        "integer",
        "Seed of every random choice.",
        metavar="N",
        least=0,
        most=2**32 - 1,
    )

    # ---- target
    rate: float | None = option(
        None,
        "target",
        "number",
        "Sample rate on the device (default: the nearest to the logs', on the MLC a lower one if better).",
        metavar="HZ",
    )
    sensors: tuple[str, ...] = option(
        (),
        "target",
        "list",
        "Sensors to use, as in acc or acc,gyro (default: what is worth it).",
        metavar="NAME,...",
    )
    full_scale: tuple[tuple[str, float], ...] = option(
        (),
        "target",
        "scales",
        "Full scale of a sensor in g or dps, as in acc=4 (repeat; default: the smallest that keeps "
        "saturation rare).",
        metavar="SENSOR=N",
        example="acc=4",
    )
    no_resample: bool = option(
        False, "target", "flag", "Refuse logs at a rate that the device does not have."
    )

    # ---- model
    window: int | None = option(
        None,
        "model",
        "auto",
        "Samples per window (default: chosen).",
        metavar="N|auto",
        least=1,
    )

    # ---- trees in registers
    max_nodes: int | None = option(
        None, "trees", "integer", "Tree nodes, all trees together.", metavar="N", least=1, only=_REGISTERS
    )
    max_features: int = option(
        12, "trees", "integer", "Features at most.", metavar="N", least=1, only=_REGISTERS
    )
    tree: Pairs = option(
        (),
        "trees",
        "pairs",
        "A tree for each of several label columns (repeat).",
        metavar="NAME=COLUMN",
        example="activity=label",
        only=Only(takes="registers", task="classify"),
    )
    end_counters: str = option(
        "auto",
        "trees",
        "text",
        "End counters of the meta-classifier: auto, off, a number for all result groups, or one for each.",
        metavar="auto|off|N|N,N,...",
        only=_REGISTERS,
    )
    use_code_0: bool = option(
        False,
        "trees",
        "flag",
        "Let a class have code 0, which also means 'no result yet'.",
        only=_REGISTERS,
    )

    # ---- models in C
    precision: str | None = option(
        None,
        "code",
        "choice",
        "Arithmetic of a net (default: int8).",
        choices=lambda: tuple(dict.fromkeys(p for f in tables.FAMILIES.values() for p in f.precisions)),
        only=_CODE,
    )
    stride: int | None = option(
        None,
        "code",
        "integer",
        "Samples from one window to the next (default: half a window).",
        metavar="N",
        least=1,
        only=_CODE,
    )
    event: tuple[str, ...] = option(
        (),
        "code",
        "names",
        "Label of an event, as a fall or a gesture: windows are opened by the signal, around its strongest "
        "sample, instead of one every stride (repeat).",
        metavar="NAME",
        only=Only(takes="pipeline", one_class=False),
    )
    event_signal: str = option(
        "auto",
        "code",
        "choice",
        "What opens a window: the norm of the first sensor, or its jerk (difference from sample to sample); "
        "auto: the norm, unless jerk opens far fewer windows without an event.",
        choices=lambda: ("auto", "norm", "jerk"),
        only=_EVENT,
    )
    event_threshold: float | None = option(
        None,
        "code",
        "number",
        "Above it a window opens, in g (or dps); of samples, or of their differences (default: less than the "
        "weaker ones of the events that are learnt from have).",
        metavar="G",
        only=_EVENT,
    )
    event_before: int | None = option(
        None,
        "code",
        "integer",
        "Samples of the window before the strongest one (default: a third).",
        metavar="N",
        least=0,
        only=_EVENT,
    )
    event_rest: int | None = option(
        None,
        "code",
        "integer",
        "Samples after a window in which none opens (default: a third of a window).",
        metavar="N",
        least=0,
        most=65535,
        only=_EVENT,
    )
    wins: int | None = option(
        None,
        "code",
        "integer",
        "Decision filter: answers a class must be ahead (default: chosen).",
        metavar="N",
        least=0,
        only=_CODE,
    )
    seeds: int | None = option(
        None,
        "code",
        "integer",
        "Seeds that a classifier is learnt with; folds choose one, and the report says how far they differ "
        "(default: 2 for an mlp, else 1).",
        metavar="N",
        least=1,
        most=20,
        only=Only(takes="pipeline", one_class=False),
    )
    any_side: bool = option(
        False,
        "code",
        "flag",
        "The device may be worn on either side or upside down: a net learns from windows mirrored and turned "
        "by half, and the folds say what it is worth on them.",
        only=_NETS,
    )
    any_orientation: bool = option(
        False,
        "code",
        "flag",
        "The device may lie in any way: a net learns from windows turned at random, and the folds say what "
        "it is worth on them.",
        only=_NETS,
    )
    net: Mapping[str, Any] | None = option(
        None,
        "code",
        "table",
        "Size and schedule of a net, or of a tree or forest; without a size one is chosen that fits the "
        "device.",
        metavar="NET.toml",
        only=Only(takes="pipeline", one_class=False),
    )

    # ---- anomalies
    normal: tuple[str, ...] = option(
        (), "anomaly", "names", "Label of the normal state (repeat).", metavar="NAME", only=_ANOMALY
    )
    normal_unseen: tuple[str, ...] = option(
        (),
        "anomaly",
        "names",
        "Normal label that only the test has: it must not raise alarms (repeat).",
        metavar="NAME",
        only=_ANOMALY,
    )
    false_alarms: str | None = option(
        None,
        "anomaly",
        "text",
        "Most false alarms that the threshold may let through, by normal logs held out for it (default: one "
        "window in a hundred of them may be above it, and no alarm passes the decision filter).",
        metavar="N/day|N/hour",
        only=Only(task="anomaly", one_class=True),
    )
    features: tuple[str, ...] = option(
        (),
        "anomaly",
        "list",
        "Features of a detector in C by name (docs/features.md), of every axis or the norm, as in "
        "STD,KURTOSIS,ENVELOPE_DOMINANT_BIN (default: chosen).",
        metavar="NAME,...",
        only=Only(task="anomaly", takes="pipeline", one_class=True),
    )
    covariance: str = option(
        "auto",
        "anomaly",
        "choice",
        "Covariance of the Gaussians of gmm: full sees features that move together, diag is smaller.",
        choices=lambda: ("auto", "full", "diag"),
        only=Only(task="anomaly", takes="pipeline", models=("gmm",)),
    )
    learn: str = option(
        "desk",
        "anomaly",
        "choice",
        "on-device: the detector can learn its normal state again there (mahalanobis).",
        choices=lambda: ("desk", "on-device"),
        only=Only(task="anomaly", takes="pipeline", models=("mahalanobis",)),
    )

    # ---- output
    name: str | None = option(
        None,
        "output",
        "text",
        "Name of the emitted files and identifiers (default: that of the first log).",
        metavar="NAME",
    )

    # ---- where it is done: nothing of the result depends on it
    jobs: int | None = option(
        None,
        "work",
        "integer",
        "Processes that read logs and learn folds (default: one for each core where there is much to do, "
        "else this one alone); of a search, models that are looked at at once (default: 1).",
        metavar="N",
        least=1,
        most=256,
        written=False,
    )
    on: str | None = option(
        None,
        "work",
        "text",
        "Learn folds, or a search's models, on a cluster: dask://HOST:PORT or ray://HOST:PORT.",
        metavar="ADDRESS",
        example="dask://localhost:8786",
        written=False,
    )

    def __post_init__(self) -> None:
        for name, told in options().items():
            object.__setattr__(self, name, frozen(told, getattr(self, name)))

    # ---------------------------------------------------------------- what the choices mean

    @property
    def target_facts(self) -> TargetFacts:
        """What is known of the target; a KeyError where there is no such target (see ``check``)."""
        return tables.TARGETS[self.target]

    @property
    def task_facts(self) -> TaskFacts:
        """What is known of the task."""
        return tables.TASKS[self.task]

    @property
    def family(self) -> str:
        """The model, or the one that the task takes on this kind of target."""
        if self.model is not None:
            return self.model
        learns = "mahalanobis"
        if self.learn == "on-device" and (learns, self.target_facts.takes) in tables.FAMILIES:
            return learns
        described = self.net or {}
        if isinstance(described.get("family"), str):
            return str(described["family"])
        return self.task_facts.usual[self.target_facts.takes]

    @property
    def family_facts(self) -> FamilyFacts:
        """What is known of the family."""
        return tables.FAMILIES[self.family, self.target_facts.takes]

    @property
    def one_class(self) -> bool:
        """Whether the model learns from the normal state alone."""
        return self.family_facts.one_class

    @property
    def device_name(self) -> str:
        """The device, or the one that is taken for the target."""
        return self.device or self.target_facts.device

    @property
    def column_name(self) -> str:
        """Label column of the recordings as they were read."""
        return "label"

    def changed(self) -> dict[str, Any]:
        """Fields that do not have their default, in order."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}

    def run(self, **how: Any) -> Any:
        """Do it: read the logs, learn, emit, prove.

        Parameters
        ----------
        **how
            ``dataset``, ``test``: recordings in place of those of ``logs`` and ``test``; ``progress``:
            callable of (words, done), told how far it is (0 to 1). What it raises stops the road, which
            leaves nothing behind.

        Returns
        -------
        sensorai.Result

        Raises
        ------
        ExperimentError
            Everything that is wrong with the experiment, at once.
        ConfigError, DataError, TargetError, ToolMissing
            The logs do not bear it, or the device has no room for it.
        """
        return tables.load("sensorai.run:run")(self, **how)

    def with_(self, **values: Any) -> Experiment:
        """Return the experiment with other values.

        Parameters
        ----------
        **values
            Fields, as of ``Experiment``.

        Returns
        -------
        Experiment

        Raises
        ------
        ExperimentError
            Names that no experiment has, all at once, with what was probably meant.
        """
        return replace(self, **values)


def options() -> dict[str, Option]:
    """Return what is known of every field, by name, in order."""
    return _OPTIONS


_OPTIONS: dict[str, Option] = {f.name: f.metadata["option"] for f in fields(Experiment)}


def unknown(keys: Iterable[str], where: str = "") -> list[Problem]:
    """Keys that no experiment has, with what was probably meant."""
    return [
        Problem(f"an experiment has no key {key!r}", where, closest(key, _OPTIONS))
        for key in keys
        if key not in _OPTIONS
    ]


def _knowing(init: Callable[..., None]) -> Callable[..., None]:
    """Let the class say what was probably meant, where Python would only say that a name is not there."""

    @wraps(init)
    def make(self: Experiment, **values: Any) -> None:
        if problems := unknown(values):
            raise ExperimentError(problems)
        init(self, **values)

    return make


Experiment.__init__ = _knowing(Experiment.__init__)  # type: ignore[method-assign]


def frozen(told: Option, value: Any) -> Any:
    """Return a value as an experiment holds it: lists as tuples, mappings as pairs; others as they are.

    One thing said in two ways (4 and 4.0, a number of numpy's) is held as one, so that it is written as one.
    """
    if told.kind in ("paths", "names", "list"):
        return _several(value)
    if told.kind in ("pairs", "globs", "scales"):
        return _held(told.kind, _pairs(value, several=told.kind == "globs"))
    if told.kind == "path" and value is not None:
        return _text(value)
    if told.kind == "table":
        return _copied(value)
    value = _own(value)
    if told.kind == "number":
        return float(value) if type(value) is int else value
    if told.kind in ("integer", "auto"):
        return int(value) if type(value) is float and value.is_integer() else value
    return value


def _several(value: Any) -> Any:
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return (_text(value),)
    if isinstance(value, bytes | Mapping):
        return value
    try:
        return tuple(_text(_own(v)) for v in value)
    except TypeError:
        return value


def _pairs(value: Any, *, several: bool) -> Any:
    """A mapping as pairs; where a name may have several values, one pair for each."""
    if isinstance(value, Mapping):
        return tuple(
            (str(name), one)
            for name, many in value.items()
            for one in (many if several and isinstance(many, list | tuple) and many else (many,))
        )
    if isinstance(value, list | tuple):
        return tuple(tuple(v) if isinstance(v, list) else v for v in value)
    return value


def _held(kind: str, pairs: Any) -> Any:
    """Pairs of one kind in the one form that they are held in."""
    if not isinstance(pairs, tuple):
        return pairs
    if kind == "scales":
        return tuple(map(_scale, pairs))
    if kind == "globs" and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        # those of one name stand together, as they do in a file
        names = list(dict.fromkeys(name for name, _ in pairs))
        return tuple(pair for name in names for pair in pairs if pair[0] == name)
    return pairs


def _scale(pair: Any) -> Any:
    """A pair whose number is a float."""
    if isinstance(pair, tuple) and len(pair) == 2 and type(number := _own(pair[1])) in (int, float):
        return pair[0], float(number)
    return pair


def _copied(value: Any) -> Any:
    """A table that its giver can no longer change."""
    if isinstance(value, Mapping):
        return {str(key): _copied(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(one) for one in value]
    return _own(value)


def _own(value: Any) -> Any:
    """A number of numpy's as one of Python's."""
    return value.item() if hasattr(value, "dtype") and getattr(value, "shape", None) == () else value


def _text(value: Any) -> Any:
    """Paths as texts."""
    return value.__fspath__() if hasattr(value, "__fspath__") else value


#: Columns of a description.
WIDTH = 100


def described(names: Iterable[str]) -> list[str]:
    """Lines that say what each field is: kind, default, and the words of its ``Option``."""
    lines: list[str] = []
    for name in names:
        told, default = _OPTIONS[name], Experiment.__dataclass_fields__[name].default
        shown = "optional" if default in (None, "", ()) else f"default {default!r}"
        kind = KINDS[told.kind]
        if told.choices is not None:
            kind = "{" + ", ".join(map(repr, told.choices())) + "}"
        wrapped = partial(fill, width=WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        lines += wrapped(f"{name} : {kind}, {shown}").splitlines()
        lines += wrapped(told.help, initial_indent="    ").splitlines()
    return lines


Experiment.__doc__ = "\n".join(
    [str(Experiment.__doc__), "", "Parameters", "----------", *described(_OPTIONS), ""]
)
