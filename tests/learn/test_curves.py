"""What learning curves are said to mean."""

from __future__ import annotations

import pytest

from sensorai.learn.curves import Epoch, best, judge


def curve(rows: list[tuple[float, float, float, float]], stage: str = "int8") -> list[Epoch]:
    return [Epoch(stage, *row) for row in rows]


@pytest.mark.parametrize(
    ("rows", "fit", "said"),
    [
        ([(1.0, 0.5, 1.0, 0.5), (0.2, 0.95, 0.3, 0.93)], "good", "epoch 2 of 2"),
        ([(1.0, 0.5, 1.1, 0.5), (0.9, 0.55, 1.0, 0.56)], "under", "50.0%"),
        ([(1.0, 0.5, 1.0, 0.5), (0.3, 0.97, 0.5, 0.80), (0.1, 1.0, 0.9, 0.79)], "over", "rises"),
        ([(1.0, 0.5, 1.0, 0.5), (0.3, 0.97, 0.5, 0.80)], "over", "17.0% better"),
    ],
)
def test_verdict(rows: list[tuple[float, float, float, float]], fit: str, said: str) -> None:
    verdict = judge(curve(rows), 0.5)
    assert verdict.fit == fit
    assert said in verdict.why


def test_only_the_last_stage_is_judged() -> None:
    both = curve([(0.1, 0.99, 0.1, 0.5)], "float") + curve([(0.2, 0.95, 0.2, 0.95)])
    assert judge(both, 0.5).fit == "good"


def test_first_of_equal_epochs() -> None:
    assert best(curve([(1, 1, 2.0, 1), (1, 1, 1.0, 1), (1, 1, 1.0, 1)])) == 1
