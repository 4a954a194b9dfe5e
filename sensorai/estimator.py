"""The road as a scikit-learn estimator, for people's own grids and pipelines: a recording is a sample."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_array, check_is_fitted

from sensorai.experiment import Experiment, options
from sensorai.experiment.experiment import described
from sensorai.opening import at_rate, backend_of, table_of
from sensorai.recording import LABEL, Channel, Dataset, Recording, Span
from sensorai.result import Result
from sensorai.road import Trace
from sensorai.run import run
from sensorai.targets import closest

if TYPE_CHECKING:
    import pandas as pd

#: What says how arrays are to be understood, with defaults; recordings say it themselves.
ARRAYS: Mapping[str, Any] = {"channels": ("acc_x", "acc_y", "acc_z"), "units": None, "rate_hz": None}
#: Fields of an experiment that are parameters here: all but those of logs, which are given to ``fit``.
FIELDS: tuple[str, ...] = tuple(
    name for name, told in options().items() if told.section != "data" and name not in ("test", "tree")
)


class SensorClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learn from recordings, emit for a target, prove; then answer with a class for each recording.

    ``X`` is a sequence of recordings: of ``sensorai.recording.Recording`` (``list(sensorai.read("logs/"))``),
    of arrays of shape (samples, channels), or one array of shape (recordings, samples, channels). ``y`` has a
    label for each of them.

    Of what ``fit`` is given, whole groups are kept for the report of ``result_``; a search or a
    cross-validation around it keeps its own apart from that.

    Parameters
    ----------
    channels : sequence of str, default ('acc_x', 'acc_y', 'acc_z')
        Of arrays: what their columns are.
    units : mapping of sensor to unit, optional
        Of arrays, which need it: as in ``{"acc": "mg", "gyro": "dps"}``.
    rate_hz : float, optional
        Of arrays, which need it: samples per second.
    {parameters}

    Attributes
    ----------
    result_ : Result
        What came of it: ``report``, ``save``, ``simulate``, ``validate``.
    classes_ : ndarray, shape (classes,)
        Labels in order; of a detector (``task="anomaly"``) ``normal`` and ``anomaly``.
    n_features_in_ : int
        Channels; absent where recordings do not all have the same number.
    """

    def __init__(self, **given: Any) -> None:
        defaults = _defaults()
        if wrong := [name for name in given if name not in defaults]:
            raise TypeError(f"SensorClassifier has no parameter {wrong[0]!r}: {closest(wrong[0], defaults)}")
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    def fit(self, X: Any, y: Any, groups: Sequence[Any] | None = None) -> Self:
        """Learn, emit, and prove that what was emitted does what was meant.

        Parameters
        ----------
        X : sequence of Recording or of arrays, or array of shape (n, samples, channels)
        y : array-like, shape (n,)
            A label for each recording.
        groups : array-like, shape (n,), optional
            What must not be split between learning and test, such as the subject; by default the groups of
            the recordings, and each array by itself.

        Raises
        ------
        ValueError
            X or y are no such values.
        ExperimentError, DataError, TargetError
            As ``sensorai.train``.
        """
        recordings = self._recordings(X, fitted=False)
        labels = _labels(y, len(recordings))
        if len(set(labels.tolist())) == 1 and self.task == "classify":
            raise ValueError(f"y holds only one class ({labels[0]!r}): there is nothing to tell apart")
        named = recordings if groups is None else _grouped(recordings, groups)
        spans = [{LABEL: (Span(0, len(r), str(label)),)} for r, label in zip(named, labels, strict=True)]
        dataset = Dataset(tuple(replace(r, labels=s) for r, s in zip(named, spans, strict=True)))
        self.result_: Result = run(self.experiment(), dataset)
        self.classes_ = np.unique(labels)
        if self.result_.learnt.detector is not None:
            self.classes_ = np.array(self._names())
        counts = {r.samples.shape[1] for r in recordings}
        if len(counts) == 1:
            self.n_features_in_ = counts.pop()
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Class of each recording: the one that is decided in most windows, the first of equals.

        Returns
        -------
        ndarray, shape (n,)
        """
        check_is_fitted(self)
        found: npt.NDArray[Any] = self.classes_[np.argmax(self.predict_proba(X), axis=1)]
        return found

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Share of the windows in which each class is decided; no probability that the model itself states.

        Returns
        -------
        ndarray, shape (n, classes), float64
            Rows add up to 1. Windows without a decision do not count; where none has one, the model's own
            answers do.
        """
        check_is_fitted(self)
        names = [str(name) for name in self.classes_]
        return np.array([_shares(trace, names) for trace in self._traces(X)])

    def predict_windows(self, X: Any) -> pd.DataFrame:
        """What the model says in every window.

        Returns
        -------
        DataFrame
            As of ``Result.simulate``: a row for each window, with ``recording`` and ``time_s`` of its end.
        """
        check_is_fitted(self)
        return table_of(self._traces(X))

    def experiment(self) -> Experiment:
        """The experiment that the parameters say."""
        return Experiment(**{name: getattr(self, name) for name in FIELDS})

    # ---------------------------------------------------------------- recordings

    def _traces(self, X: Any) -> list[Trace]:
        """What was emitted means this on recordings; every level was proved equal to it by ``fit``."""
        opened = self.result_.model.opened
        dataset = Dataset(tuple(self._recordings(X, fitted=True)))
        return backend_of(opened.target).trace(opened.artifact, at_rate(opened, dataset, "resample"))

    def _names(self) -> list[str]:
        return list(self.result_.learnt.classifiers[0].classes.values())

    def _recordings(self, X: Any, *, fitted: bool) -> list[Recording]:
        """X as recordings with names of their own; a ValueError for what are none."""
        if hasattr(X, "tocsr"):
            check_array(X, accept_sparse=False)
        if isinstance(X, Iterable) and not hasattr(X, "ndim"):
            X = list(X)
        if not hasattr(X, "__len__") or getattr(X, "shape", None) == ():
            raise ValueError(f"X must be a sequence of recordings, got {type(X).__name__}")
        if getattr(X, "ndim", 3) != 3:
            raise ValueError(
                f"X must be recordings, shape (recordings, samples, channels), got an array of {X.ndim} "
                "dimensions. Reshape your data, or give a list of arrays of shape (samples, channels)"
            )
        if not len(X):
            raise ValueError("X holds 0 recordings (0 samples) while a minimum of 1 is required")
        made = [one if isinstance(one, Recording) else self._recording(one) for one in X]
        if fitted and hasattr(self, "n_features_in_"):
            for r in made:
                if r.samples.shape[1] != self.n_features_in_:
                    raise ValueError(
                        f"X has {r.samples.shape[1]} features, but SensorClassifier is expecting "
                        f"{self.n_features_in_} features as input: its channels"
                    )
        times = Counter(r.name for r in made)
        return [
            r
            if r.name and times[r.name] == 1
            else replace(r, name=f"{r.name or 'recording'} {i}", group=r.group or f"recording {i}")
            for i, r in enumerate(made)
        ]

    def _recording(self, samples: Any) -> Recording:
        """One array as a recording."""
        values = check_array(samples, dtype=np.float64, input_name="X", ensure_min_samples=1)
        names = tuple(self.channels)
        if values.shape[1] != len(names):
            raise ValueError(
                f"X has {values.shape[1]} features, but channels names {len(names)}: {', '.join(names)}"
            )
        if self.rate_hz is None or self.units is None:
            raise ValueError(
                "arrays do not say their rate and units: give rate_hz (samples per second) and units, as in "
                "SensorClassifier(rate_hz=50, units={'acc': 'mg'})"
            )
        units = dict(self.units)
        channels = tuple(
            Channel(name, str(units.get(name, units.get(Channel(name, "").sensor, "")))) for name in names
        )
        return Recording(values, channels, float(self.rate_hz))

    def __sklearn_tags__(self) -> Any:
        """Recordings are no rows of a table: three dimensions, not two."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _defaults() -> dict[str, Any]:
    """Parameters with their defaults, in order."""
    return {**ARRAYS, **{name: Experiment.__dataclass_fields__[name].default for name in FIELDS}}


def _labels(y: Any, count: int) -> npt.NDArray[Any]:
    """Y as one label for each recording."""
    from sklearn.utils import column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import assert_all_finite

    if y is None:
        raise ValueError("SensorClassifier requires y to be passed, but the target y is None")
    labels: npt.NDArray[Any] = column_or_1d(y, warn=True)
    if labels.dtype.kind in "fc":
        assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if len(labels) != count:
        raise ValueError(
            f"y has {len(labels)} labels for {count} recordings: inconsistent numbers of samples"
        )
    return labels


def _grouped(recordings: Sequence[Recording], groups: Sequence[Any]) -> list[Recording]:
    if len(groups) != len(recordings):
        raise ValueError(f"groups has {len(groups)} entries for {len(recordings)} recordings")
    return [
        replace(r, group=str(group), own_group=False) for r, group in zip(recordings, groups, strict=True)
    ]


def _shares(trace: Trace, names: Sequence[str]) -> list[float]:
    """Share of each class among the windows of one recording."""
    if not len(trace):
        raise ValueError(
            f"{trace.recording.name}: {len(trace.recording)} samples are less than a window of {trace.window}"
        )
    for said in (trace.decided[0], trace.answers[0]):
        counts = Counter(said)
        if total := sum(counts[name] for name in names):
            return [counts[name] / total for name in names]
    raise ValueError(f"{trace.recording.name}: no window has an answer")


def _signature() -> inspect.Signature:
    """What ``SensorClassifier`` takes, for ``help`` and for scikit-learn's ``get_params``."""
    kind = inspect.Parameter.KEYWORD_ONLY
    first = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [inspect.Parameter(name, kind, default=value) for name, value in _defaults().items()]
    return inspect.Signature([first, *rest])


SensorClassifier.__init__.__signature__ = _signature()  # type: ignore[attr-defined]
SensorClassifier.__doc__ = str(SensorClassifier.__doc__).replace(
    "{parameters}", "\n    ".join(described(FIELDS)).rstrip()
)
