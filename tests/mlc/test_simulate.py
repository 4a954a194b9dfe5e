"""The simulator: meta-classifier, registers, interrupts, rate, streaming."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.mlc import kernel
from sensorai.mlc.config import DecisionTree, Feature, MlcConfig, SensorSetting, Source
from sensorai.mlc.simulate import at_core_rate, core_rate, simulate, stream, write_trace
from sensorai.model.forest import Tree
from sensorai.recording import NO_RESULT, Channel, Recording

ACC = tuple(Channel(f"acc_{a}", "mg") for a in "xyz")


def configuration(window: int = 4, end: tuple[int, ...] = (0, 0, 0, 0), **more: Any) -> MlcConfig:
    tree = Tree.from_nodes([(0, -0.5, ~4, 1), (0, 0.5, ~8, ~12)])
    labels = {4: "down", 8: "flat", 12: "up"}
    plain = MlcConfig(
        "LSM6DSOX", window, 26.0, ("acc",), (), (Feature("MEAN", Source("acc", "Z")),),
        (DecisionTree(tree, end, labels),), {"acc": SensorSetting(26.0, 2.0)},
    )  # fmt: skip
    return replace(plain, **more)


def log(z: list[float], rate: float | None = 26.0) -> Recording:
    samples = np.zeros((len(z), 3))
    samples[:, 2] = z
    return Recording(samples, ACC, rate)


def test_results_registers_and_interrupts() -> None:
    trace = simulate(configuration(), log([-1000.0] * 4 + [0.0] * 8 + [1000.0] * 4 + [9.0] * 3))
    assert trace.tree[:, 0].tolist() == [4, 8, 8, 12]
    assert trace.decided[:, 0].tolist() == [4, 8, 8, 12]
    assert trace.interrupts[:, 0].tolist() == [True, True, False, True]
    assert trace.time_s.tolist() == [4 / 26, 8 / 26, 12 / 26, 16 / 26]
    frame = trace.frame()
    assert frame["tree1"].tolist() == ["down", "flat", "flat", "up"]
    assert frame["MLC0_SRC"].tolist() == [4, 8, 8, 12]


def meta(results: list[int], end: list[int]) -> list[int]:
    out = np.empty(len(results), np.uint8)
    state = np.zeros(len(end), np.int64)
    kernel.run_meta_classifier(np.array(results, np.uint8), np.array(end, np.int64), 4, state, 0, out)
    return out.tolist()


def test_meta_classifier_counts_up_and_down() -> None:
    # the sequence of the facts: A three times, end counters 3 (A) and 4 (B)
    sequence = [4, 4, 4, 8, 4, 8, 8, 8, 4, 8, 8, 8, 4, 4, 4]
    decided = meta(sequence, [0, 3, 4, 0])
    assert decided[:3] == [0, 0, 4]
    # B (0 0 0 1 0 1 2 3 2 3 4) reaches 4 at the eleventh result
    assert decided[3:10] == [4] * 7
    assert decided[10] == 8


def test_meta_classifier_edges() -> None:
    assert meta([4, 8, 4], [0, 0, 0, 0]) == [4, 8, 4]
    assert meta([4, 8, 4], [0, 1, 1, 0]) == [4, 8, 4]  # one win is enough: N wins, not N + 1
    assert meta([4] * 20 + [8] * 20, [0, 2, 14, 0])[20:34] == [4] * 13 + [8]
    assert meta([40, 200], [3] * 8) == [40, 200]  # beyond the last group nothing is filtered
    assert meta([0, 0, 4], [2, 2, 0, 0]) == [0, 0, 0]


def test_counters_stop_at_fifteen() -> None:
    # after 40 wins the counter of A is 15, not 40: B needs no longer than its own end counter
    decided = meta([4] * 40 + [8] * 3 + [4], [0, 14, 3, 0])
    assert decided[42] == 8
    assert decided[43] == 8  # A fell to 12 and rose to 13: below its end counter


@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 64])
def test_stream_equals_whole(chunk: int) -> None:
    rng = np.random.default_rng(4)
    recording = log(list(rng.normal(0, 800, 63)))
    config = configuration(5, (0, 2, 1, 3))
    whole = simulate(config, recording).frame()
    pieces = pd.concat([t.frame() for t in stream(config, recording, chunk)], ignore_index=True)
    pd.testing.assert_frame_equal(whole, pieces, check_exact=True)


def test_rate_of_the_core() -> None:
    assert core_rate(configuration()) == 26.0
    assert core_rate(configuration(mlc_rate_hz=104.0)) == 26.0  # the sensor is slower
    assert core_rate(configuration(mlc_rate_hz=12.5)) == 12.5


def test_other_rates_are_resampled_aloud_or_refused() -> None:
    config = configuration()
    close = log([0.0] * 52, 25.5)
    assert at_core_rate(close, config) is close
    faster = log([0.0] * 104, 52.0)
    half = at_core_rate(faster, config)
    assert half.rate_hz == 26.0
    assert len(half) == 52
    assert any("26" in note for note in half.notes)
    with pytest.raises(DataError, match="52 Hz"):
        at_core_rate(faster, config, "refuse")
    assert len(at_core_rate(faster, config, "as-is")) == 104
    unknown = at_core_rate(log([0.0] * 8, None), config)
    assert "does not say its rate" in unknown.notes[-1]


def test_unnamed_codes() -> None:
    trace = simulate(configuration(end=(0, 3, 3, 3)), log([0.0] * 8))
    assert trace.names(0, trace.decided[:, 0]) == [NO_RESULT, NO_RESULT]
    bare = configuration()
    bare = replace(bare, trees=(replace(bare.trees[0], labels={}),))
    assert simulate(bare, log([0.0] * 4)).names(0, [0, 8]) == ["0", "8"]


def test_write_trace(tmp_path: Path) -> None:
    trace = simulate(configuration(), log([0.0] * 8))
    write_trace({"a": trace, "b": trace}, tmp_path / "t.csv")
    back = pd.read_csv(tmp_path / "t.csv")
    assert back["recording"].tolist() == ["a", "a", "b", "b"]
    write_trace({"a": trace}, tmp_path / "t.parquet")
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 2
    with pytest.raises(ConfigError, match="format"):
        write_trace({"a": trace}, tmp_path / "t.xyz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.csv", "t.parquet"]
