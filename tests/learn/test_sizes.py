"""The size of a model: what fits, what is learnt, which is taken; on devices with little room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sensorai.cproject import runs
from sensorai.errors import Problem, TargetError
from sensorai.learn.sizes import MOST, Choice, choose, first_that_fits
from sensorai.mcu import devices as mcu_devices
from sensorai.mcu.backend import BACKEND, McuBackend
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Dataset
from sensorai.road import Need
from tests import roads
from tests.learn.make import dataset as make_dataset
from tests.need import need

LADDER = (64, 32, 16, 8, 4)


def chosen(
    scores: dict[int, float], room: int | None = None, usual: int = 16
) -> tuple[int, Choice, list[int]]:
    """Choose among sizes that take ten bytes a unit; returns the size, why, and what was learnt."""
    learnt: list[int] = []

    def needed(size: int) -> Need | None:
        if room is None:
            return None
        over = 10 * size - room
        problems = (Problem(f"{over} bytes too many", "here", "a larger device"),) if over > 0 else ()
        return Need(10 * size, 5, "counted", problems)

    def learn(size: int) -> tuple[int, float]:
        learnt.append(size)
        return size, scores[size]

    size, why = choose(LADDER, usual, str, needed, learn, 7)
    return size, why, learnt


def test_goes_up_while_it_pays_and_no_further() -> None:
    size, why, learnt = chosen({64: 0.99, 32: 0.9, 16: 0.8, 8: 0.7})
    assert (size, learnt) == (64, [16, 32, 64, 8])
    assert len(learnt) == MOST
    assert [one.verdict for one in why.tried] == [
        "taken",
        "9.0 points below the best",
        "19.0 points below the best",
        "29.0 points below the best",
    ]
    assert {one.seed for one in why.tried} == {7}
    size, _, learnt = chosen({32: 0.805, 16: 0.8, 8: 0.7})
    assert (size, learnt) == (16, [16, 32, 8])


def test_goes_down_while_nothing_is_lost() -> None:
    size, why, learnt = chosen({32: 0.9, 16: 0.9, 8: 0.895, 4: 0.88})
    assert (size, learnt) == (8, [16, 32, 8, 4])
    assert why.tried[1].verdict == "larger than what was taken, and no better by a point"
    # exactly a point is not too much
    assert chosen({32: 0.75, 16: 0.75, 8: 0.75 - 0.01, 4: 0.5})[0] == 8


def test_the_largest_that_fits_where_the_usual_does_not() -> None:
    size, why, learnt = chosen({8: 0.9, 4: 0.8}, room=80)
    assert (size, learnt) == (8, [8, 4])
    assert why.tried[0].verdict == "does not fit: 80 bytes too many"
    assert (why.tried[0].flash, why.tried[0].validation) == (160, None)
    size, why, learnt = chosen({4: 0.2}, room=79)
    assert (size, learnt) == (4, [4])
    assert why.why == "the only size that fits"


def test_a_larger_one_that_does_not_fit_is_not_learnt() -> None:
    size, why, learnt = chosen({16: 0.9, 8: 0.5}, room=319)
    assert (size, learnt) == (16, [16, 8])
    assert why.tried[0].verdict.startswith("does not fit")


def test_fewest_bytes_win_over_a_smaller_name() -> None:
    def needed(size: int) -> Need:
        return Need({16: 100, 8: 120}.get(size, 500), 0, "counted")

    size, _ = choose(LADDER, 16, str, needed, lambda n: (n, 0.9 if n in (16, 8, 32) else 0.1), 0)
    assert size == 16


def test_nothing_fits() -> None:
    with pytest.raises(TargetError) as refusal:
        chosen({}, room=39)
    text = str(refusal.value)
    assert "even with 4, the smallest: 1 bytes too many" in text
    assert "a larger device" in text
    with pytest.raises(TargetError, match="even with 4"):
        first_that_fits(
            LADDER, str, lambda n: Need(n, 0, "", (Problem("too many"),)), lambda n: n, 0, "no reason"
        )


# ---------------------------------------------------------------- on devices

TINY = """
[device]
name = "TINY"
stands_for = []
source = "made up for this test"
mark = "inferred"

[core]
cpu = "cortex-m4"
source = "made up for this test"
mark = "inferred"

[memory]
flash_kib = {flash}
ram_kib = {ram}
source = "made up for this test"
mark = "inferred"
"""


def tiny(monkeypatch: pytest.MonkeyPatch, flash: int, ram: int = 4) -> None:
    """Put a device of so many KiB before all others."""
    part = mcu_devices.parse(TINY.format(flash=flash, ram=ram), "tiny.toml")
    known = (part, *mcu_devices.devices())
    monkeypatch.setattr(mcu_devices, "devices", lambda: known)


@pytest.fixture(scope="module")
def logs() -> Dataset:
    return make_dataset("abcdef", count=208)


def trained(logs: Dataset, model: str, net: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The report of a training for the tiny device."""
    options: dict[str, Any] = {"target": "stm32", "device": "TINY", "window": 26, "stride": 26, "net": net}
    return roads.made(logs, model=model, **options).report.figures


QUICK = {"features": 4, "epochs": 2, "tune_epochs": 1, "patience": 2}


def test_a_net_for_a_device_with_little_flash(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=4)
    report = trained(logs, "mlp", QUICK)
    cost, size = report["cost"]["library"], report["choices"]["size"]
    assert cost["flash"] <= 4096
    assert cost["ram"] + cost["stack"] <= 4096
    tried = {one["size"]: one for one in size["tried"]}
    assert size["chosen"] in tried
    learnt = [one for one in tried.values() if one["validation"] is not None]
    assert 1 <= len(learnt) <= MOST
    # what was foreseen from the first weights is what the learnt net takes
    foreseen = tried[size["chosen"]]["flash"]
    assert abs(foreseen - cost["flash"]) <= 0.1 * foreseen


@pytest.mark.parametrize("model", ["tree", "mlp"])
def test_no_size_fits(logs: Dataset, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=0)
    given = QUICK if model == "mlp" else None
    with pytest.raises(TargetError) as refusal:
        trained(logs, model, given)
    text = str(refusal.value)
    assert "the smallest: " in text
    assert "bytes of flash are" in text
    assert "more than TINY has; the largest layer is" in text
    assert "devices with room: " in text


def test_a_given_size_wins_and_is_refused_where_it_does_not_fit(
    logs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn", "jax")
    tiny(monkeypatch, flash=8, ram=8)
    report = trained(logs, "mlp", {**QUICK, "sizes": [9]})
    assert report["choices"]["size"] == {"chosen": "layers of 9", "why": "given", "source": "", "tried": ()}
    with pytest.raises(TargetError, match="more than TINY has; the largest layer is dense_2 with"):
        trained(logs, "mlp", {**QUICK, "sizes": [256, 64]})


def test_a_forest_gets_smaller_with_the_flash(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    tiny(monkeypatch, flash=64)
    roomy = trained(logs, "forest")["choices"]["size"]
    assert roomy["tried"][0]["size"] == "10 trees of at most 32 leaves"
    needed = {one["size"]: one["flash"] for one in roomy["tried"]}

    def little(backend: McuBackend, pipeline: Pipeline, device: str) -> Need:
        got = need_of(backend, pipeline, device)
        over = got.flash >= max(needed.values())
        return replace(got, problems=(Problem("no room"),) if over else ())

    need_of = McuBackend.need
    monkeypatch.setattr(McuBackend, "need", little)
    size = trained(logs, "forest")["choices"]["size"]
    assert size["chosen"] != "10 trees of at most 32 leaves"
    size = trained(logs, "forest", {"trees": 3, "leaves": 5})["choices"]["size"]
    assert size["chosen"] == "3 trees of at most 5 leaves"
    assert size["why"] == "given"


def test_without_a_compiler_bytes_are_counted(logs: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    need("jax")
    monkeypatch.setattr("sensorai.cproject.backend.available", lambda name: False)
    monkeypatch.setattr("sensorai.mcu.backend.available", lambda name: False)
    tiny(monkeypatch, flash=1)
    report = trained(logs, "mlp", QUICK)
    size = report["choices"]["size"]
    assert size["source"].startswith("counted")
    assert "does not fit" in size["tried"][0]["verdict"]
    assert all("apt install" in level["missing"] for level in report["proof"]["levels"])
    assert report["cost"]["library"] is None


@pytest.mark.parametrize(("stack", "fits"), [(4036, True), (4037, False)])
def test_the_stack_is_part_of_the_ram(
    logs: Dataset, monkeypatch: pytest.MonkeyPatch, stack: int, fits: bool
) -> None:
    need("arm-none-eabi-gcc")
    tiny(monkeypatch, flash=64)
    options: dict[str, Any] = {"target": "stm32", "device": "TINY", "window": 26, "net": {"leaves": 4}}
    pipeline = roads.learnt(logs, model="tree", **options).model
    sizes = runs.Sizes("cortex-m4", 10, 60, stack, ())
    monkeypatch.setattr(runs, "sizes", lambda *_: sizes)
    got = BACKEND.need(pipeline, "TINY")
    assert (got.flash, got.ram) == (10, 60 + stack)
    assert (not got.problems) == fits
