"""What is said first of a model: loud where the figures show it, silent where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sensorai.recording import Recording
from sensorai.verify.judge import Judgement, compare
from sensorai.verify.metrics import window_metrics
from sensorai.verify.verdict import Seen, of_alarms, warnings

CLASSES = ("rest", "walk", "run")


def truth_of(counts: Sequence[int]) -> list[int]:
    return [c for c, n in enumerate(counts) for _ in range(n)]


def answers_of(confusion: Sequence[Sequence[int]]) -> list[int]:
    return [c for row in confusion for c, n in enumerate(row) for _ in range(n)]


def held(*groups: Sequence[Sequence[int]], decided: Sequence[Sequence[int]] | None = None) -> Judgement:
    """A judgement with these confusion matrices, one per group; ``decided``: that after the filter."""
    recordings = [
        Recording(np.zeros((10, 0)), (), 50.0, group=f"g{i}", name=f"g{i}") for i in range(len(groups))
    ]
    truth = [[CLASSES[c] for c in truth_of([sum(row) for row in g])] for g in groups]
    got = [[CLASSES[c] for c in answers_of(g)] for g in groups]
    after = got if decided is None else [[CLASSES[c] for c in answers_of(decided)]]
    return compare(recordings, truth, got, after, [10] * len(recordings), "label", CLASSES)


def learnt(confusion: Sequence[Sequence[int]], overlap: int = 0, fit: str = "", why: str = "") -> Seen:
    truth = [CLASSES[c] for c in truth_of([sum(row) for row in confusion])]
    return Seen(
        window_metrics(truth, [CLASSES[c] for c in answers_of(confusion)], CLASSES), overlap, fit, why
    )


GOOD = [[95, 3, 2], [4, 90, 6], [1, 5, 94]]
#: Answers are as often right as chance has it; "rest" is the most frequent class.
GUESS = [[40, 30, 30], [20, 15, 15], [20, 15, 15]]


def test_a_good_model_has_no_warning() -> None:
    assert warnings(held(GOOD), learnt(GOOD)) == []
    assert warnings(held(*[GOOD] * 6), learnt(GOOD, overlap=1, fit="good")) == []


@pytest.mark.parametrize("wrong", range(4))
def test_few_windows_of_a_good_model_are_no_reason_to_cry_wolf(wrong: int) -> None:
    """Twenty windows, up to four of them wrong, of a model that is right in 95 % of what it learnt from."""
    small = [[8 - wrong, wrong, 0], [0, 6, 0], [0, 0, 6]]
    assert warnings(held(small), learnt([[57, 3, 0], [2, 58, 0], [2, 2, 56]], overlap=1)) == []


def test_worse_than_one_answer_comes_first() -> None:
    (first, *_) = warnings(held(GUESS), learnt(GUESS))
    assert first.startswith(
        "worse than always answering 'rest': it is right in 35.0% of 200 held-out windows"
    )
    assert "always 'rest' would be in 50.0%" in first


def test_overlap_makes_windows_worth_less() -> None:
    # 17 windows behind, 7 ahead: enough for whole windows, not for halves or quarters of them
    close = [[34, 9, 8], [7, 0, 0], [22, 22, 0]]
    (sure, *_) = warnings(held(close), learnt(GUESS))
    (less, *_) = warnings(held(close), learnt(GUESS, overlap=3))
    assert sure.startswith("worse than always")
    assert less.startswith("no better than always")


def test_as_good_as_one_answer_is_said_by_what_the_windows_can_show() -> None:
    better = [[45, 5, 5], [15, 10, 5], [15, 5, 10]]
    many = [[10 * n for n in row] for row in better]
    assert not any("always" in text for text in warnings(held(many), learnt(many)))
    (text, *_) = warnings(held(better), learnt(better, overlap=1)) or [""]
    assert "always" not in text  # 20 against 10: too few to say anything of a model that looks better
    close = [[80, 10, 10], [25, 15, 10], [25, 10, 15]]
    # what is far better class by class is better, even where one class fills the test
    assert warnings(held([[270, 20, 10], [3, 17, 0], [3, 0, 17]]), learnt(GUESS)) == []
    (text, *_) = warnings(held(close), learnt(close))
    assert text.startswith("not shown to be better than always answering 'rest'")


def test_groups_count_and_not_their_windows() -> None:
    # one of six groups makes the model look better by 40 windows; the others are even
    fair = [[50, 5, 0], [25, 5, 0], [0, 0, 0]]
    lucky = [[50, 0, 0], [0, 45, 0], [0, 0, 0]]
    judged = held(*[fair] * 3, *[[[45, 10, 0], [20, 10, 0], [0, 0, 0]]] * 2, lucky)
    texts = warnings(judged, learnt([[300, 0, 0], [100, 50, 0], [1, 0, 9]]))
    assert any(t.startswith("not shown to be better than always answering 'rest'") for t in texts)
    alone = held(
        [
            [round(sum(m.confusion[i, j] for m in judged.answer_by_group.values())) for j in range(3)]
            for i in range(3)
        ]
    )
    assert not any("always" in t for t in warnings(alone, learnt([[300, 0, 0], [100, 50, 0], [1, 0, 9]])))


def test_rare_classes_that_are_found_are_said() -> None:
    rare = [[900, 50, 50], [1, 19, 0], [1, 0, 19]]
    (text, *_) = warnings(held(rare), learnt(rare))
    assert text.startswith("worse than always answering 'rest'")
    assert "rare classes are found, though: its balanced accuracy is 93.3%" in text


def test_a_class_that_is_never_answered_is_the_first_line() -> None:
    lost = [[50, 50, 0], [10, 140, 0], [0, 60, 0]]
    texts = warnings(held(lost), learnt(lost))
    assert texts[0].startswith("class 'run' is never answered")
    assert "cannot tell it from 'walk'" in texts[0]
    assert "60 held-out windows of 'run'" in texts[0]
    # it is not said twice
    assert sum("'run'" in t for t in texts) == 1


def test_a_class_that_the_test_alone_never_gets_is_hardly_recognised() -> None:
    texts = warnings(held([[60, 0, 0], [0, 60, 0], [1, 57, 2]]), learnt(GOOD))
    assert any(
        t.startswith("class 'run' is hardly recognised: in 2 of 60") and "taken for 'walk'" in t
        for t in texts
    )
    # three windows show nothing
    assert warnings(held([[60, 0, 0], [0, 60, 0], [1, 1, 1]]), learnt(GOOD)) == []


def test_a_class_that_the_filter_takes_away_is_the_first_line() -> None:
    """The tree is right in 71 % of the turns, the register in none of them."""
    tree = [[95, 3, 2], [4, 90, 6], [1, 3, 10]]
    (text,) = warnings(held(tree, decided=[[98, 2, 0], [2, 98, 0], [3, 11, 0]]), learnt(GOOD), "the counters")
    assert text == (
        "class 'run' is never put out: the model is right in 10 of 14 held-out windows of it, but 0 are left "
        "after the counters; 'walk' is put out instead"
    )
    # next to nothing is left, as far as the windows show it
    (text,) = warnings(held(GOOD, decided=[[98, 2, 0], [2, 98, 0], [3, 95, 2]]), learnt(GOOD))
    assert text.startswith("class 'run' is hardly put out: the model is right in 94 of 100")
    assert "2 are left after the decision filter" in text
    # a filter that costs some windows is what it is for
    assert warnings(held(GOOD, decided=[[98, 2, 0], [2, 98, 0], [3, 37, 60]]), learnt(GOOD)) == []


def test_classes_without_a_right_window_are_named_in_one_line() -> None:
    """However few windows they have: that none is right is no guess."""
    few = [[2, 0, 0], [1, 0, 1], [1, 0, 0]]
    (text,) = (t for t in warnings(held(few), learnt(GOOD)) if "'walk'" in t and "not recognised" in t)
    assert text == (
        "2 of 3 classes are not recognised in a single held-out window: 'walk' (2 windows, mostly taken for "
        "'rest'), 'run' (1 window, mostly taken for 'rest')"
    )
    texts = warnings(held([[60, 0, 0], [0, 60, 0], [0, 60, 0]]), learnt(GOOD))
    assert [t for t in texts if "'run'" in t] == [
        "a class is not recognised in a single held-out window: 'run' (60 windows, mostly taken for 'walk')"
    ]


def test_a_class_without_a_held_out_window_is_said() -> None:
    (text,) = warnings(held([[60, 0, 0], [0, 60, 0], [0, 0, 0]]), learnt(GOOD))
    assert text.startswith("no held-out window of 'run'")
    (text, *_) = warnings(held([[0, 0, 0], [0, 0, 0], [0, 0, 0]]), learnt(GOOD))
    assert "'rest', 'walk', 'run'" in text


KNOWN = [[100, 0, 0], [0, 100, 0], [0, 0, 100]]
WEAK = [[65, 20, 15], [15, 65, 20], [20, 15, 65]]


def test_overfit_is_said_with_what_the_windows_allow() -> None:
    (text,) = warnings(held(WEAK), learnt(KNOWN))
    assert text.startswith(
        "overfit: it is right in 100.0% of the windows that it learnt from, but in 65.0% of 300"
    )
    # two windows of each class do not show it
    assert warnings(held([[1, 1, 0], [0, 2, 0], [1, 0, 1]]), learnt(KNOWN)) == []
    assert warnings(held(WEAK), learnt(WEAK)) == []


def test_groups_that_differ_bound_less() -> None:
    good, bad = [[33, 0, 0], [0, 33, 0], [0, 0, 34]], [[10, 13, 10], [12, 11, 10], [10, 12, 12]]
    # half the groups are right throughout: what the others do says little about the next group
    assert not any("overfit" in t for t in warnings(held(*[good, bad] * 3), learnt(KNOWN)))
    even = [[22, 6, 5], [6, 22, 5], [5, 6, 23]]
    assert any("overfit" in t for t in warnings(held(*[even] * 6), learnt(KNOWN)))


def test_what_the_curve_says_counts() -> None:
    mild = [[87, 8, 5], [5, 87, 8], [8, 5, 87]]
    assert warnings(held(*[mild] * 4), learnt(KNOWN)) == []
    (text,) = warnings(held(*[mild] * 4), learnt(KNOWN, fit="over", why="The loss turns."))
    assert text.startswith("overfit")
    assert text.endswith("The loss turns.")
    (text,) = warnings(held(GOOD), learnt(GOOD, fit="under", why="too small"))
    assert text == "underfit: too small"


def test_detectors() -> None:
    good = {
        "curve": {"auc": 0.9, "auc_low": 0.8, "auc_high": 0.95},
        "detection": {"anomalies": 5, "found": 4, "high": 0.96},
    }
    assert of_alarms(good) == []
    chance = {**good, "curve": {"auc": 0.55, "auc_low": 0.4, "auc_high": 0.7}}
    (text,) = of_alarms(chance)
    assert "0.55 (0.40 to 0.70)" in text
    (text,) = of_alarms({**good, "detection": {"anomalies": 5, "found": 0}})
    assert text == "blind: none of 5 anomalies of the test raised an alarm"
    (text,) = of_alarms({**good, "detection": {"anomalies": 50, "found": 9, "high": 0.31}})
    assert text.startswith("nearly blind: 9 of 50 anomalies")
    assert "at most 31 % are found" in text
    assert of_alarms({"curve": None, "detection": {"anomalies": 0, "found": 0}}, ["the claim"]) == [
        "the claim"
    ]
