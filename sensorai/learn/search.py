"""Choosing window, sensors and features; the test groups are never seen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sensorai.errors import DataError
from sensorai.experiment import Experiment
from sensorai.learn import candidates, select
from sensorai.learn.choices import Choices
from sensorai.learn.table import Known, Task, Windows, build, settled
from sensorai.mlc.config import Feature, Filter, MlcConfig
from sensorai.mlc.devices import MlcDevice
from sensorai.mlc.labels import feature_names
from sensorai.recording import Dataset
from sensorai.road import Progress

#: How much of the learning is done when windows are tried, when features are chosen, when trees are fitted.
WINDOWS, FEATURES, TREES = 0.6, 0.8, 0.9
#: A longer window, or a second sensor, must raise the cross-validated score by this much.
WORTH = 0.01
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
    known : dict
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

    def windows(self, config: MlcConfig) -> Windows:
        """Features of ``config`` on the training recordings, transients left unlabelled."""
        return settled(build(config, self.train_set, self.tasks, self.known))

    def config(self, window: int, filters: Sequence[Filter], features: Sequence[Feature]) -> MlcConfig:
        """Return a configuration without trees."""
        return candidates.config(self.target, window, self.rate, inputs(features), filters, features)

    def candidates(self, window: int) -> tuple[MlcConfig, Windows]:
        """Compute every candidate; levels of the counted kinds come from the data."""
        filters = candidates.filters(self.target, self.slots)
        plain = candidates.features(self.target, self.slots, filters)
        config = candidates.config(self.target, window, self.rate, self.slots, filters, plain)
        first = self.windows(config)
        levels = candidates.with_levels(self.target, plain, candidates.deviations(config, first.x))
        config = replace(config, features=tuple(levels[len(plain) :]))
        both = replace(first, x=np.concatenate([first.x, self.windows(config).x], axis=1))
        return replace(config, features=tuple(levels)), both

    def choose_window(self, lengths: Sequence[int]) -> int:
        """Return the shortest window that is nearly as good as the best."""
        seed, choices = self.options.seed, self.choices
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
            _, windows = self.candidates(window)
            fewest = min(
                int((windows.y[:, t] == c).sum())
                for t, task in enumerate(self.tasks)
                for c in range(len(task.classes))
            )
            if fewest < FEWEST:
                continue
            best = select.pool(windows, select.rank(windows, seed), select.POOL, lambda _: True)
            split = select.folds(windows, seed)
            leaves = min(self.leaves, select.SEARCH_LEAVES)
            scores[window] = select.score(windows.columns(best), split, leaves, seed)
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

    def choose_features(self, window: int) -> tuple[tuple[Filter, ...], tuple[Feature, ...]]:
        """Let pruned trees pick from the best candidates; a second sensor must be worth its current."""
        config, windows = self.candidates(window)
        ranked = select.rank(windows, self.options.seed)
        found: dict[tuple[str, ...], list[int]] = {}
        scores: dict[tuple[str, ...], float] = {}
        sets = [self.slots]
        if len(self.slots) > 1 and not self.options.sensors:
            sets.append(("acc",))
        for k, subset in enumerate(sets):
            self.say.within(WINDOWS + (FEATURES - WINDOWS) * k / len(sets))
            self.say(f"choosing features of {' + '.join(subset)}")
            inside = [c for c in ranked if config.features[c].source.sensor in subset]
            found[subset], scores[subset] = self._pick(config, windows, inside)
        chosen = sets[-1] if scores[sets[-1]] >= scores[sets[0]] - WORTH else sets[0]
        self.choices.sensors += [
            {
                "sensors": list(s),
                "features": len(found[s]),
                "balanced_accuracy": scores[s],
                "chosen": s == chosen,
            }
            for s in sets
        ]
        return candidates.compact(config.filters, [config.features[c] for c in found[chosen]])

    def _pick(self, config: MlcConfig, windows: Windows, ranked: Sequence[int]) -> tuple[list[int], float]:
        """Columns that pruned trees use of the pool, at most as many as allowed, and their score."""
        seed, most = self.options.seed, self.options.max_features
        split = select.folds(windows, seed)
        picked = select.pool(windows, ranked, select.POOL, lambda chosen: self._fits(config, chosen))
        while True:
            few = windows.columns(picked)
            weights = np.zeros(len(picked))
            means = []
            for t in range(len(self.tasks)):
                alpha, path = select.choose_pruning(few, t, split, self.leaves, seed)
                means.append(dict(path)[alpha])
                weights += select.importances(few, t, self.leaves, seed, alpha)
            best = np.argsort(-weights, kind="stable")[:most]
            used = [picked[i] for i in sorted(best) if weights[i] > 0] or picked[:1]
            if len(used) == len(picked) or np.count_nonzero(weights) <= most:
                return used, float(np.mean(means))
            # more than the user allows: prune again with the most important ones alone
            picked = used

    def _fits(self, config: MlcConfig, columns: Sequence[int]) -> bool:
        """Whether the device has input codes for the sensors and filter outputs of these features."""
        filters, features = candidates.compact(config.filters, [config.features[c] for c in columns])
        outputs = sum(len(f.outputs) for f in filters)
        return 5 * len(inputs(features)) + outputs <= self.target.limits.inputs

    def what_each_buys(self, config: MlcConfig, windows: Windows, alphas: Sequence[float]) -> None:
        """Compare the cross-validated score of the shipped trees with and without each feature."""
        split = select.folds(windows, self.options.seed)

        def score(columns: Sequence[int]) -> float:
            few = windows.columns(columns)
            return float(
                np.mean(
                    [
                        select.pruned_score(few, t, split, self.leaves, self.options.seed, alpha)
                        for t, alpha in enumerate(alphas)
                    ]
                )
            )

        count = windows.x.shape[1]
        whole = score(range(count))
        for i, name in enumerate(feature_names(config)):
            self.say.within(TREES + (1 - TREES) * i / count)
            others = [c for c in range(count) if c != i]
            without = score(others) if others else None
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
