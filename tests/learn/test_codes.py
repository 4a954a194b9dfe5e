"""Result codes and end counters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sensorai.errors import ConfigError
from sensorai.learn.codes import MOST, PRICE, assign, check_room, choose_end_counters, filtered
from sensorai.mlc.devices import device

IntArray = npt.NDArray[np.int64]
SMALL, LARGE = device("LSM6DSOX"), device("LSM6DSRX")


def confusion(classes: int, mixed: dict[tuple[int, int], int] | None = None) -> IntArray:
    """Everything right but the pairs in ``mixed``."""
    out = np.diag(np.full(classes, 100)).astype(np.int64)
    for (a, b), count in (mixed or {}).items():
        out[a, b] = count
    return out


def groups(codes: tuple[int, ...], width: int = 4) -> list[int]:
    return [c // width for c in codes]


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_few_classes_have_groups_of_their_own(classes: int) -> None:
    codes = assign(SMALL, confusion(classes))
    assert codes == (1, 4, 8, 12)[:classes]
    assert assign(SMALL, confusion(classes), use_zero=True) == (0, 4, 8, 12)[:classes]


def test_eight_groups_of_the_large_parts() -> None:
    width = LARGE.limits.group_width
    codes = assign(LARGE, confusion(8))
    assert codes == tuple(max(1, g * width) for g in range(8))


@pytest.mark.parametrize("classes", [2, 5, 9, 14, 15])
def test_no_class_has_code_0(classes: int) -> None:
    codes = assign(SMALL, confusion(classes))
    assert len(set(codes)) == classes
    assert 0 not in codes
    assert max(codes) <= 15


def test_fifteen_classes_take_all_codes_but_0() -> None:
    assert sorted(assign(SMALL, confusion(15))) == list(range(1, 16))


def test_sixteen_classes_only_with_code_0() -> None:
    with pytest.raises(ConfigError, match="16 classes do not fit") as error:
        assign(SMALL, confusion(16))
    assert "--use-code-0" in error.value.hint
    assert sorted(assign(SMALL, confusion(16), use_zero=True)) == list(range(16))


def test_seventeen_classes_never() -> None:
    for use_zero in (False, True):
        with pytest.raises(ConfigError, match="17 classes do not fit") as error:
            check_room(SMALL, 17, use_zero)
        assert "--use-code-0" not in error.value.hint
        assert "merge classes" in error.value.hint
        assert "LSM6DSRX" in error.value.hint


def test_mixed_up_classes_stand_in_different_groups() -> None:
    # six classes on four groups; 0 and 1, 2 and 3, 4 and 5 are mistaken for one another
    pairs = {(0, 1): 9, (1, 0): 4, (2, 3): 30, (4, 5): 1}
    of = groups(assign(SMALL, confusion(6, pairs)))
    for a, b in pairs:
        assert of[a] != of[b]
    # whoever is worst mixed up with all others gets a neighbour that it is least mixed up with
    star = {(0, k): 10 * k for k in range(1, 6)}
    of = groups(assign(SMALL, confusion(6, star)))
    assert [k for k in range(1, 6) if of[k] == of[0]] in ([], [1])


def test_forty_classes_on_a_large_part() -> None:
    codes = assign(LARGE, confusion(40))
    limits = LARGE.limits
    assert len(set(codes)) == 40
    assert 0 not in codes
    inside = [c for c in codes if c < limits.groups * limits.group_width]
    # all codes that a meta-classifier filters are used before any beyond them
    assert sorted(inside) == list(range(1, limits.groups * limits.group_width))
    beyond = sorted(set(codes) - set(inside))
    assert beyond == list(
        range(limits.groups * limits.group_width, limits.groups * limits.group_width + 40 - len(inside))
    )


def test_most_classes_a_large_part_holds() -> None:
    assert sorted(assign(LARGE, confusion(255))) == list(range(1, 256))
    with pytest.raises(ConfigError, match="256 classes"):
        assign(LARGE, confusion(256))
    assert sorted(assign(LARGE, confusion(256), use_zero=True)) == list(range(256))


def test_codes_are_reproducible() -> None:
    rng = np.random.default_rng(5)
    table = rng.integers(0, 20, (9, 9))
    assert assign(SMALL, table) == assign(SMALL, table.copy())


def runs(*texts: tuple[str, str]) -> list[tuple[IntArray, IntArray]]:
    """Truth and results as letters: a is code 1, b is code 4, dot is no label."""
    code = {"a": 1, "b": 4, ".": -1}
    return [(np.array([code[c] for c in t]), np.array([code[c] for c in r])) for t, r in texts]


def test_filtered_without_counters_is_the_result() -> None:
    results = np.array([1, 4, 4, 1, 15, 0])
    assert filtered(results, (0, 0, 0, 0), 4).tolist() == results.tolist()


def test_steady_results_need_no_counter() -> None:
    text = ("a" * 40 + "b" * 40) * 5
    end, table = choose_end_counters(SMALL, runs((text, text)), (1, 4))
    assert end == (0, 0, 0, 0)
    assert [row[0] for row in table] == list(range(MOST + 1))
    assert table[0] == (0, 1.0, 0)
    # waiting costs right windows, more the longer; a counter of 1 does not wait
    assert table[0][1] == table[1][1] > table[2][1] > table[3][1]


def test_flicker_is_filtered_within_the_price() -> None:
    truth = "a" * 400 + "b" * 400
    flicker = "".join("b" if k % 10 == 5 else "a" for k in range(400)) + "b" * 400
    given = runs((truth, flicker))
    end, table = choose_end_counters(SMALL, given, (1, 4))
    none, best = table[0], max(row[1] for row in table)
    out = filtered(given[0][1], end, 4)
    right = float((out == given[0][0]).mean())
    assert right >= best - PRICE > none[1]
    assert none[2] == 40
    wrong = int(((np.diff(out, prepend=0) != 0) & (out != given[0][0])).sum())
    assert wrong == 0
    assert end[2:] == (0, 0)
    # lowest of what is equally steady
    assert max(end) <= 2


def test_groups_without_a_class_have_no_counter() -> None:
    truth = ("a" * 30 + "b" * 30) * 4
    noisy = truth.replace("aaaaaa", "aaabaa").replace("bbbbbb", "bbabbb")
    end, _ = choose_end_counters(SMALL, runs((truth, noisy)), (1, 4))
    assert end[2:] == (0, 0)
    assert min(end[:2]) > 0


def test_unlabelled_windows_do_not_count() -> None:
    end, table = choose_end_counters(SMALL, runs(("aaaa....", "aaaabaab")), (1, 4))
    assert end == (0, 0, 0, 0)
    assert table[0] == (0, 1.0, 0)


def test_no_runs_at_all() -> None:
    end, table = choose_end_counters(SMALL, [], (1, 4))
    assert end == (0, 0, 0, 0)
    assert {row[1:] for row in table} == {(0.0, 0)}


def test_codes_beyond_the_groups_are_never_filtered() -> None:
    limits = LARGE.limits
    beyond = limits.groups * limits.group_width
    truth = np.array([1] * 40 + [beyond] * 40)
    end, _ = choose_end_counters(LARGE, [(truth, truth)], (1, beyond))
    assert len(end) == limits.groups
    assert end == (0,) * limits.groups


def test_no_counter_takes_a_class_away() -> None:
    """A turn takes two windows, and so does a slip of the tree: waiting for three would end both."""
    truth = "a" * 200 + "bb" + "a" * 400
    slips = "a" * 200 + "bb" + ("a" * 18 + "bb") * 20
    given = runs((truth, slips))
    end, table = choose_end_counters(SMALL, given, (1, 4))
    # the share of right windows alone is for it
    assert table[3][1] == max(row[1] for row in table)
    assert table[3][1] > table[0][1] + PRICE
    got = filtered(given[0][1], end, 4)
    assert ((got == 4) & (given[0][0] == 4)).any()


def test_a_class_that_is_not_found_anyway_does_not_count() -> None:
    truth = "a" * 200 + "b" + "a" * 400
    slips = "a" * 201 + ("a" * 18 + "bb") * 20
    given = runs((truth, slips))
    end, _ = choose_end_counters(SMALL, given, (1, 4))
    assert not (filtered(given[0][1], end, 4) == 4).any()
