"""Many inspections as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sensorai.formats import Inspection, inspect, overview
from sensorai.recording import Channel, Recording, Span

ACC = tuple(Channel(f"acc_{axis}", "g") for axis in "xyz")


def one(
    name: str, label: str = "walk", group: str = "eve", rate: float | None = 52.0, rows: int = 104
) -> Inspection:
    samples = np.random.default_rng(3).normal(0, 1, (rows, 3))
    labels = {"label": (Span(0, rows, label),)}
    return inspect(Recording(samples, ACC, rate, labels, group, name, f"{name}.csv"))


def test_classes_and_totals() -> None:
    found = [
        *(one(f"w{i}", group=f"g{i % 2}") for i in range(6)),
        one("r0", "run", rate=51.9),
        one("r1", "run"),
    ]
    seen = overview(found, {f"w{i}.csv": "plain" for i in range(6)} | {"r0.csv": "unico", "r1.csv": "plain"})
    walk, run = seen.classes
    assert (walk.label, walk.recordings, walk.groups, walk.samples, walk.seconds) == ("walk", 6, 2, 624, 12.0)
    assert (run.label, run.recordings, run.groups, run.formats) == ("run", 2, 1, ("unico", "plain"))
    assert run.rates == ((51.9, 2),)
    assert (seen.total.recordings, seen.total.groups, seen.group_sizes) == (8, 3, (2, 3))
    assert seen.odd == ()
    assert seen.usual == ()


def test_a_recording_of_two_classes_counts_in_both() -> None:
    mixed = replace(one("m"), labels={"label": {"walk": 52, "": 52}})
    walk, none = overview([mixed], {}).classes
    assert (walk.label, walk.samples, none.label, none.samples, none.seconds) == ("walk", 52, "", 52, 1.0)


def test_the_odd_ones_come_first() -> None:
    found = [one(f"w{i}") for i in range(20)]
    found[4] = one("slow", rate=26.0)
    found[5] = one("untold", rate=None)
    found[6] = one("short", rows=5)
    found[7] = replace(
        one("bad"), gaps=((9, 0.5), (20, 2.0)), backwards=3, saturated={"acc_x": 7}, resting_g=0.1
    )
    found[8] = replace(one("other"), units={"acc_x": "mg", "acc_y": "g", "acc_z": "g"})
    odd = dict(overview(found, {}).odd)
    assert list(odd) == ["bad", "slow", "untold", "short", "other"]
    assert odd["slow"] == ("26 Hz, not 52",)
    assert odd["untold"] == ("rate not known",)
    assert odd["short"] == ("5 samples, the median is 104",)
    assert odd["other"] == ("other channels or units: acc_x",)
    assert odd["bad"] == (
        "2 gaps, the longest 2 s",
        "time runs backwards 3 times",
        "saturated: acc_x 7",
        "0.1 g at rest",
    )


def test_what_many_have_is_no_exception() -> None:
    found = [replace(one(f"w{i}"), gaps=((9, 0.5),) if i < 5 else ()) for i in range(20)]
    seen = overview(found, {})
    assert (seen.odd, seen.usual) == ((), (("gaps", 5),))
    assert overview([one("a", rate=None)], {}).total.seconds is None
