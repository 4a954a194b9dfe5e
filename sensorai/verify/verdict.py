"""What must be said first of a model: from the figures of its judgement to warnings in plain words.

Windows of one person are much alike, and windows that overlap are nearly the same: a warning claims only
what the number of held-out groups and of windows that do not overlap supports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorai.verify.judge import Judgement
from sensorai.verify.metrics import WindowMetrics

#: Chance of a warning about differences where there are none.
RISK = 0.05
#: Groups from which on they, and not windows, are counted.
GROUPS = 5
#: Windows on which model and constant answer differ, from which on "not shown to be better" is worth saying
#: of a model that looks better.
ENOUGH = 30
#: Points between what was learnt from and the best that the held-out windows allow, from which on a model is
#: called overfit; less where the learning curve says so, too.
GAP, GAP_OF_CURVE = 0.15, 0.08


@dataclass(frozen=True, slots=True)
class Seen:
    """What a model does on what it learnt from.

    Attributes
    ----------
    windows : WindowMetrics
    overlap : int
        Windows after one that share samples with it, in training and test alike.
    fit, why : str
        What the learning curve says, where there is one: ``good``, ``under``, ``over``; and why.
    """

    windows: WindowMetrics
    overlap: int = 0
    fit: str = ""
    why: str = ""


def warnings(held: Judgement, learnt: Seen, filtered_by: str = "the decision filter") -> list[str]:
    """Warnings about a classifier, the most serious first; empty for one that can be used.

    Parameters
    ----------
    held : Judgement
        On held-out recordings.
    learnt : Seen
    filtered_by : str
        What turns answers into what is decided, and how it is told to do less.
    """
    lost = never_answered(held.answer, learnt.windows)
    names = {name for name, _ in lost}
    missed = [name for name in _never_right(held.answer) if name not in names]
    names.update(missed)
    erased = _filtered_away(held, learnt.overlap, names, filtered_by)
    return [
        *(text for _, text in lost),
        *_against_one_answer(held, learnt),
        *erased,
        *_missed(held.answer, missed),
        *_overfit(held, learnt),
        *([f"underfit: {learnt.why}"] if learnt.fit == "under" else []),
        *_unrecognised(held.answer, learnt.overlap, names),
        *_untested(held.answer, learnt.windows),
    ]


def never_answered(held: WindowMetrics, learnt: WindowMetrics) -> list[tuple[str, str]]:
    """Classes that were learnt and that no window gets, with what is to be said of each."""
    out = []
    for c, name in enumerate(learnt.classes):
        if not learnt.confusion[c].sum() or learnt.confusion[:, c].sum():
            continue
        instead = learnt.classes[int(np.argmax(learnt.confusion[c, : len(learnt.classes)]))]
        tested = int(held.confusion[held.classes.index(name)].sum()) if name in held.classes else 0
        out.append(
            (
                name,
                f"class {name!r} is never answered: the model has no room for it, or cannot tell it from "
                f"{instead!r}, which it answers instead ({tested} held-out windows of {name!r}). Add logs of "
                "it, allow a larger model or more features, or make it one class with the other",
            )
        )
    return out


# ---------------------------------------------------------------- against always the same answer


def _against_one_answer(held: Judgement, learnt: Seen) -> list[str]:
    tree = held.answer
    if not tree.windows or len(tree.classes) < 2:
        return []
    name = learnt.windows.classes[int(np.argmax(learnt.windows.confusion.sum(axis=1)))]
    ahead, behind = _differences(tree, name)
    groups = [_differences(m, name) for m in held.answer_by_group.values()]
    independent = learnt.overlap + 1
    better = _chance(ahead, behind, groups, independent)
    worse = _chance(behind, ahead, [(b, a) for a, b in groups], independent)
    always = (tree.right - ahead + behind) / tree.windows
    figures = (
        f"it is right in {tree.accuracy:.1%} of {tree.windows} held-out windows, always {name!r} would be in "
        f"{always:.1%}"
    )
    if worse < RISK:
        return [f"worse than always answering {name!r}: {figures}{_rare(tree)}"]
    few = (ahead + behind) / independent < ENOUGH
    if better < RISK or (ahead > behind and (few or _rare(tree))):
        return []
    if ahead <= behind:
        return [f"no better than always answering {name!r}: {figures}{_rare(tree)}"]
    return [f"not shown to be better than always answering {name!r}: {figures}"]


def _differences(of: WindowMetrics, name: str) -> tuple[int, int]:
    """Windows where only the model is right, and where only the constant answer is."""
    if name not in of.classes:
        return of.right, 0
    c = of.classes.index(name)
    same = int(of.confusion[c, c])
    return of.right - same, int(of.confusion[c].sum()) - same


def _chance(more: int, less: int, groups: Sequence[tuple[int, int]], independent: int) -> float:
    """Chance of ``more`` so far above ``less`` where both are as likely: by windows or groups, the larger."""
    from scipy.stats import binomtest, ttest_1samp

    first, both = round(more / independent), round((more + less) / independent)
    chance = float(binomtest(first, both, alternative="greater").pvalue) if both else 1.0
    ahead = np.array([a - b for a, b in groups], np.float64)
    if len(ahead) < GROUPS or not ahead.std():
        return chance
    return max(chance, float(ttest_1samp(ahead, 0.0, alternative="greater").pvalue))


def _rare(tree: WindowMetrics) -> str:
    even = 1 / len(tree.classes)
    if tree.balanced_accuracy - even < (1 - even) / 2:
        return ""
    return f" (rare classes are found, though: its balanced accuracy is {tree.balanced_accuracy:.1%})"


# ---------------------------------------------------------------- against what was learnt


def _overfit(held: Judgement, learnt: Seen) -> list[str]:
    if not held.answer.windows or not learnt.windows.windows:
        return []
    most = _most(held, learnt.overlap)
    gap = GAP_OF_CURVE if learnt.fit == "over" else GAP
    if learnt.windows.accuracy - most < gap:
        return []
    also = f". {learnt.why}" if learnt.fit == "over" else ""
    return [
        f"overfit: it is right in {learnt.windows.accuracy:.1%} of the windows that it learnt from, but in "
        f"{held.answer.accuracy:.1%} of {held.answer.windows} of other groups (at most {most:.1%}, by their "
        f"number): expect no more of others. More groups, a smaller model or fewer features would help{also}"
    ]


def _most(held: Judgement, overlap: int) -> float:
    """Upper bound of the accuracy on others: Wilson's, for as many windows as their groups are worth."""
    from scipy.stats import binomtest

    tree = held.answer
    count = tree.windows / (overlap + 1)
    groups = [(m.right, m.windows) for m in held.answer_by_group.values() if m.windows]
    if len(groups) >= GROUPS:
        # the groups differ more than their windows say: the windows count for less
        right, every = np.array(groups, np.float64).T
        apart = float(((right - tree.accuracy * every) ** 2).sum()) * len(groups) / (len(groups) - 1)
        if apart:
            count = min(count, tree.accuracy * (1 - tree.accuracy) * tree.windows**2 / apart)
    whole = max(round(count), 1)
    bound = binomtest(min(round(tree.accuracy * whole), whole), whole).proportion_ci(
        1 - 2 * RISK, method="wilson"
    )
    return float(bound.high)


# ---------------------------------------------------------------- class by class


def _never_right(of: WindowMetrics) -> list[str]:
    """Classes with held-out windows, none of them right."""
    rows = enumerate(zip(of.classes, of.confusion, strict=True))
    return [name for c, (name, row) in rows if row.sum() and not row[c]]


def _missed(tree: WindowMetrics, names: Sequence[str]) -> list[str]:
    """One line for all classes that no held-out window gets: a fact, however few windows there are."""
    if not names:
        return []
    each = []
    for name in names:
        c = tree.classes.index(name)
        windows, taken = int(tree.confusion[c].sum()), _taken_for(tree, c)
        count = f"{windows} {'window' if windows == 1 else 'windows'}"
        each.append(f"{name!r} ({count}{f', mostly taken for {taken!r}' if taken else ''})")
    which = "a class is" if len(names) == 1 else f"{len(names)} of {len(tree.classes)} classes are"
    return [f"{which} not recognised in a single held-out window: {', '.join(each)}"]


def _filtered_away(held: Judgement, overlap: int, known: set[str], filtered_by: str) -> list[str]:
    """Classes that are recognised, and that the decision filter then keeps from being put out."""
    before, after = held.answer, held.decided
    out = []
    for c, name in enumerate(before.classes):
        windows, right = int(before.confusion[c].sum()), int(before.confusion[c, c])
        left = int(after.confusion[c, c])
        if name in known or left >= right:
            continue
        if not left or (_below_guess(after, c, overlap) and not _below_guess(before, c, overlap)):
            taken = _taken_for(after, c)
            much = "hardly" if left else "never"
            out.append(
                f"class {name!r} is {much} put out: the model is right in {right} of {windows} held-out "
                f"windows of it, but {left} are left after {filtered_by}"
                + (f"; {taken!r} is put out instead" if taken else "")
            )
    return out


def _taken_for(of: WindowMetrics, c: int) -> str:
    """The class that most windows of class ``c`` wrongly get; nothing where none gets one."""
    wrong = of.confusion[c, : len(of.classes)].copy()
    wrong[c] = 0
    return of.classes[int(np.argmax(wrong))] if wrong.any() else ""


def _below_guess(of: WindowMetrics, c: int, overlap: int) -> bool:
    """Whether the windows of class ``c`` show that its recall is below that of a guess."""
    from scipy.stats import binomtest

    whole = round(int(of.confusion[c].sum()) / (overlap + 1))
    part = round(int(of.confusion[c, c]) / (overlap + 1))
    if not whole:
        return False
    return float(binomtest(part, whole, 1 / len(of.classes), alternative="less").pvalue) < RISK


def _unrecognised(tree: WindowMetrics, overlap: int, known: set[str]) -> list[str]:
    """Classes whose recall is below that of a guess, as far as their windows can show it."""
    out = []
    for c, name in enumerate(tree.classes):
        if name in known or not _below_guess(tree, c, overlap):
            continue
        taken = _taken_for(tree, c)
        out.append(
            f"class {name!r} is hardly recognised: in {tree.confusion[c, c]} of {tree.confusion[c].sum()} "
            "held-out windows, less often than a guess"
            + (f"; it is mostly taken for {taken!r}" if taken else "")
        )
    return out


def _untested(tree: WindowMetrics, learnt: WindowMetrics) -> list[str]:
    tested = {n for n, row in zip(tree.classes, tree.confusion, strict=True) if row.sum()}
    missing = [
        n for n, row in zip(learnt.classes, learnt.confusion, strict=True) if row.sum() and n not in tested
    ]
    if not missing:
        return []
    return [
        f"no held-out window of {', '.join(map(repr, missing))}: nothing is known of how well that is "
        "recognised"
    ]


# ---------------------------------------------------------------- detectors

#: Share of anomalies that a detector must be able to find, by its interval, not to be called nearly blind.
BLIND = 0.5


def of_alarms(
    verdict: Mapping[str, Any],
    contradictions: Sequence[str] = (),
    made_up: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Warnings about a detector, from its judgement as alarms (``sensorai.verify.anomaly``).

    Parameters
    ----------
    contradictions : sequence of str
        Where the test contradicts a claim (``sensorai.verify.anomaly.contradiction``).
    made_up : sequence of mapping
        Made-up faults by kind and size, with how many windows were above the threshold; they speak where the
        test has no anomaly.
    """
    out = []
    curve, found = verdict["curve"], verdict["detection"]
    if curve is not None and curve["auc_low"] <= 0.5:
        out.append(
            "blind: not shown to tell anomalies from normal: the area under the curve is "
            f"{curve['auc']:.2f} ({curve['auc_low']:.2f} to {curve['auc_high']:.2f}), and 0.5 is chance"
        )
    elif found["anomalies"] and not found["found"]:
        out.append(f"blind: none of {found['anomalies']} anomalies of the test raised an alarm")
    elif found["anomalies"] and found["high"] < BLIND:
        out.append(
            f"nearly blind: {found['found']} of {found['anomalies']} anomalies of the test raised an alarm "
            f"(at most {100 * found['high']:.0f} % are found)"
        )
    if not found["anomalies"] and made_up:
        out += _made_up_blind(made_up)
    return [*out, *contradictions]


def _made_up_blind(made_up: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is said where no fault was recorded and made-up ones are not seen, or only the largest."""
    of = [size["found"] / size["windows"] for kind in made_up for size in kind["sizes"]]
    if not any(seen(kind) for kind in made_up):
        return [
            "blind: the test has no anomaly, and of its normal windows, made stronger, weaker or noisy or "
            f"moved in frequency, at most {100 * max(of):.0f} % are above the threshold"
        ]
    if not any(size["found"] >= BLIND * size["windows"] for kind in made_up for size in kind["sizes"][:-1]):
        return [
            "nearly blind: the test has no anomaly, and only the largest changes of its normal windows bring "
            "half of them above the threshold"
        ]
    return []


def seen(kind: Mapping[str, Any]) -> str:
    """Words of the smallest size of a made-up fault from which on most windows are found; empty for none."""
    words = ""
    for size in reversed(kind["sizes"]):
        if size["found"] < BLIND * size["windows"]:
            break
        words = str(size["size"])
    return words
