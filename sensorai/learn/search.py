"""Choosing window, sensors and features; the test groups are never seen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.experiment import Experiment
from sensorai.learn import candidates, select, taught
from sensorai.learn.choices import Choices
from sensorai.learn.counts import overlapping
from sensorai.learn.lengths import lower_rates
from sensorai.learn.table import FloatArray, IntArray, Known, Task, Windows, build, settled
from sensorai.mlc.config import Feature, Filter, MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.labels import feature_names
from sensorai.recording import Dataset
from sensorai.road import Progress

#: How much of the learning is done when windows are tried, when features are chosen, when trees are fitted.
WINDOWS, FEATURES, TREES = 0.6, 0.8, 0.9
#: A longer window must raise the cross-validated score by this much, as must a second sensor.
WORTH = 0.01
#: Candidates that a tree may choose from.
MANY = 80
#: Windows of every class that a window length must leave to learn from.
FEWEST = 8


@dataclass(frozen=True, slots=True)
class Search:
    """What every choice looks at.

    Attributes
    ----------
    train_set : Dataset
        Recordings of the training groups at the core's rate.
    slots : tuple of str
        Sensors that may be used.
    choices : Choices
        What was tried is written here.
    say : Progress
        Told what is going on.
    known : Known
        Features that were computed before (``sensorai.learn.table.build``).
    """

    train_set: Dataset
    tasks: tuple[Task, ...]
    target: MlcDevice
    rate: float
    slots: tuple[str, ...]
    options: Experiment
    choices: Choices
    say: Progress
    known: Known

    @property
    def leaves(self) -> int:
        """Leaves per tree that the device (or the user) has room for."""
        return (self.options.max_nodes or self.target.limits.nodes) // len(self.tasks) + 1

    def windows(self, config: MlcConfig, copies: int | None = None) -> Windows:
        """Features of ``config`` on the training recordings, transients left unlabelled.

        Where there are few windows, several begin in the length of one (or ``copies``): they are learnt from.
        """
        if copies is None:
            count = sum(len(r) // config.window for r in self.train_set)
            copies = overlapping(count, config.window)
        return settled(build(config, self.train_set, self.tasks, self.known, copies))

    def grower(self, copies: int) -> select.Grow:
        """What grows trees that are judged, not shipped, from windows with so many copies."""
        seed = self.options.seed

        def grow(x: FloatArray, y: IntArray) -> Any:
            lesson = taught.teach(x, y, seed, copies, taught.EASE)
            return taught.tree(self.leaves, seed).fit(lesson.x, lesson.y)

        return grow

    def config(self, window: int, filters: Sequence[Filter], features: Sequence[Feature]) -> MlcConfig:
        """Return a configuration without trees."""
        return candidates.config(self.target, window, self.rate, inputs(features), filters, features)

    def candidates(self, window: int, copies: int | None = None) -> tuple[MlcConfig, Windows]:
        """Compute every candidate; levels of the counted kinds come from the data."""
        filters = candidates.filters(self.target, self.slots)
        plain = candidates.features(self.target, self.slots, filters)
        config = candidates.config(self.target, window, self.rate, self.slots, filters, plain)
        first = self.windows(config, copies)
        levels = candidates.with_levels(self.target, plain, candidates.deviations(config, first.x))
        config = replace(config, features=tuple(levels[len(plain) :]))
        both = replace(first, x=np.concatenate([first.x, self.windows(config, copies).x], axis=1))
        return replace(config, features=tuple(levels)), both

    def choose_window(self, lengths: Sequence[int]) -> int:
        """Return the shortest window that is nearly as good as the best."""
        choices = self.choices
        if len(lengths) == 1:
            only: dict[str, object] = {
                "window": lengths[0],
                "seconds": lengths[0] / self.rate,
                "chosen": True,
                "given": True,
            }
            choices.window.append(only)
            return lengths[0]
        scores = {}
        for k, window in enumerate(lengths):
            self.say.within(WINDOWS * k / len(lengths))
            self.say(f"trying a window of {window} samples ({window / self.rate:.2g} s)")
            score = self._score(window)
            if score is not None:
                scores[window] = score
        if not scores:
            raise DataError(
                f"the logs are too short: no window length leaves {FEWEST} windows of every class to learn "
                "from",
                hint="record longer logs, or give a short --window",
            )
        chosen = min(w for w, s in scores.items() if s >= max(scores.values()) - WORTH)
        choices.window += [
            {
                "window": w,
                "seconds": w / self.rate,
                "balanced_accuracy": s,
                "chosen": w == chosen,
                "given": False,
            }
            for w, s in scores.items()
        ]
        return chosen

    def _score(self, window: int) -> float | None:
        """What forests make of a window on groups that they did not see; None where too few are left."""
        seed = self.options.seed
        _, windows = self.candidates(window, 1)
        fewest = min(
            int((windows.y[:, t] == c).sum())
            for t, task in enumerate(self.tasks)
            for c in range(len(task.classes))
        )
        if fewest < FEWEST:
            return None
        best = select.pool(windows, select.rank(windows, seed), select.POOL, lambda _: True)
        return taught.score(windows.columns(best), select.folds(windows, seed), seed)

    def slower(self, window: int) -> tuple[Search, int]:
        """Try the chosen window at lower rates of the core too; the logs' own stays where none is better.

        Bands of filters, and what is counted between samples, lie elsewhere in time at each rate.
        """
        tried = next((w for w in self.choices.window if w["chosen"] and "balanced_accuracy" in w), None)
        best, score = (self, window), tried and tried["balanced_accuracy"]
        if not isinstance(score, float) or self.options.rate is not None or self.options.no_resample:
            return best
        scores = {self.rate: score}
        for rate, samples in lower_rates(self.rate, window, self.target):
            if score == 1.0:
                break
            self.say(f"trying the core at {rate:g} Hz")
            search = replace(self, train_set=self.known.at(self.train_set, rate), rate=rate)
            found = search._score(samples)
            if found is None:
                continue
            scores[rate] = found
            if found > score:
                best, score = (search, samples), found
        chosen = best[0].rate
        self.choices.rate += [
            {"rate_hz": hz, "balanced_accuracy": s, "chosen": hz == chosen} for hz, s in scores.items()
        ]
        if chosen != self.rate:
            self.choices.notes.append(
                f"the core runs at {chosen:g} Hz: on groups that were not learnt from that was better than "
                f"{self.rate:g} Hz (--rate {self.rate:g} keeps the logs')"
            )
        return best

    def choose_features(self, window: int) -> tuple[tuple[Filter, ...], tuple[Feature, ...]]:
        """Take the best candidates that fit together; a second sensor must be worth its current."""
        config, windows = self.candidates(window)
        ranked = select.rank(windows, self.options.seed)
        found: dict[tuple[str, ...], list[int]] = {}
        scores: dict[tuple[str, ...], list[float]] = {}
        sets = [self.slots]
        if len(self.slots) > 1 and not self.options.sensors:
            sets.append(("acc",))
        for k, subset in enumerate(sets):
            self.say.within(WINDOWS + (FEATURES - WINDOWS) * k / len(sets))
            self.say(f"choosing features of {' + '.join(subset)}")
            inside = [c for c in ranked if config.features[c].source.sensor in subset]
            found[subset], scores[subset] = self._pick(config, windows, self._by_use(windows, inside))
        chosen = sets[-1] if taught.surely(scores[sets[-1]], scores[sets[0]], WORTH) else sets[0]
        self.choices.sensors += [
            {
                "sensors": list(s),
                "features": len(found[s]),
                "balanced_accuracy": float(np.mean(scores[s])) if scores[s] else 0.0,
                "chosen": s == chosen,
            }
            for s in sets
        ]
        return candidates.compact(config.filters, [config.features[c] for c in found[chosen]])

    def _by_use(self, windows: Windows, ranked: Sequence[int]) -> list[int]:
        """The best candidates in the order of what one tree needs, which is not all that a forest likes."""
        many = select.pool(windows, ranked, MANY, lambda _: True)
        few, grow = windows.columns(many), self.grower(windows.copies)
        weights = np.zeros(len(many))
        for t in range(len(self.tasks)):
            known = select.labelled(few, t)
            weights += grow(few.x[known], few.y[known, t]).feature_importances_
        return [many[i] for i in np.argsort(-weights, kind="stable")]

    def _pick(
        self, config: MlcConfig, windows: Windows, ranked: Sequence[int]
    ) -> tuple[list[int], list[float]]:
        """Columns of the best candidates, at most as many as allowed, and their scores."""
        most = min(self.options.max_features, self.target.limits.features)
        picked = select.pool(windows, ranked, most, lambda chosen: self._fits(config, chosen))
        split = select.folds(windows, self.options.seed)
        return sorted(picked), taught.scores(windows.columns(picked), split, self.options.seed)

    def _fits(self, config: MlcConfig, columns: Sequence[int]) -> bool:
        """Whether the device has input codes for the sensors and filter outputs of these features."""
        filters, features = candidates.compact(config.filters, [config.features[c] for c in columns])
        outputs = sum(len(f.outputs) for f in filters)
        return 5 * len(inputs(features)) + outputs <= self.target.limits.inputs

    def what_each_buys(self, config: MlcConfig, windows: Windows) -> None:
        """Compare the cross-validated score of small forests with and without each feature."""
        few, seed = windows.apart(), self.options.seed
        split = select.folds(few, seed)
        count = few.x.shape[1]
        whole = taught.score(few, split, seed)
        for i, name in enumerate(feature_names(config)):
            self.say.within(TREES + (1 - TREES) * i / count)
            others = [c for c in range(count) if c != i]
            without = taught.score(few.columns(others), split, seed) if others else None
            self.choices.features.append(
                {
                    "name": name,
                    "balanced_accuracy_without": without,
                    "buys": None if without is None else whole - without,
                }
            )


def inputs(features: Sequence[Feature]) -> tuple[str, ...]:
    """Input selection: the accelerometer is always part of it."""
    used = {f.source.sensor for f in features}
    return tuple(s for s in ("acc", "gyro", "ext") if s == "acc" or s in used)
