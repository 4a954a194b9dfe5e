"""Learning elsewhere, and from large logs, gives the same bytes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sensorai import kept, workers
from sensorai.experiment import Experiment, check, tables
from sensorai.formats import keeper
from sensorai.learn import thin
from sensorai.learn.counts import build
from sensorai.model.pipeline import to_dict
from sensorai.recording import Dataset
from sensorai.road import Learnt, Progress
from sensorai.work import SERIAL, Cluster, Processes, Work
from sensorai.writing import jsontext
from tests.learn.make import dataset
from tests.roads import lesson


def said(learnt: Learnt) -> Any:
    """All that a folder of results could show of it."""
    raw = [(t.raw.scores, t.raw.answer, t.raw.decided, t.end) for fold in learnt.folds for t in fold.traces]
    parts = (to_dict(learnt.model), learnt.figures, learnt.notes, learnt.warnings, learnt.test_groups)
    return jsontext.document(parts), [[x.tolist() for x in one] for one in raw]


def learnt_by(work: Work, data: Dataset) -> Any:
    one = lesson(data, target="stm32", model="forest", wins=1, net={"trees": 2, "leaves": 4})
    made: Learnt = tables.load(one.experiment.family_facts.place).learn(replace(one, work=work), Progress())
    return said(made)


def test_one_process_two_and_a_cluster_of_two_workers_say_the_same() -> None:
    distributed = pytest.importorskip("distributed")
    data = dataset("abcd", count=208)
    here = learnt_by(SERIAL, data)
    two = Processes(2)
    try:
        assert learnt_by(two, data) == here
    finally:
        two.close()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        client = distributed.Client(cluster.scheduler_address, set_as_default=False)
        far = Cluster(*workers.executor_of(client), "here")
        try:
            assert learnt_by(far, data) == here
        finally:
            far.close()


def test_recordings_in_files_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = dataset("abcdef", count=416)
    here = build(data)
    monkeypatch.setattr(keeper, "IN_MEMORY", 0)
    monkeypatch.setattr(keeper, "TOGETHER", 50_000)
    held = Dataset(keeper.keeping(data))
    assert all(kept.file_of(r.samples) is not None for r in held)
    assert len({kept.place_of(r.samples).path for r in held}) < len(held)  # type: ignore[union-attr]
    there = build(held)
    assert (there.x == here.x).all()
    assert there.channels == here.channels
    # a result that is pickled for later holds its samples itself
    again = pickle.loads(pickle.dumps(held))
    assert kept.file_of(again.recordings[0].samples) is None


def test_of_very_many_windows_a_stated_share_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thin, "MOST_ROWS", 1000)
    group = np.repeat([0, 1, 2], [3000, 400, 90])
    y = np.r_[np.zeros(2500), np.ones(500), np.zeros(400), np.ones(90)].astype(np.int64)
    rows, note = thin.thinned(group, y, thin.room(10, 3))
    assert len(rows) <= 1000
    assert (np.diff(rows) > 0).all()
    # what is rare stays whole
    assert (np.bincount(y[rows] + 2 * group[rows])[[5]] == 90).all()
    # neighbours stay together, from the first to the last
    large = rows[rows < 2500]
    starts = large[np.diff(large, prepend=-2) > 1]
    assert starts[0] == 0
    assert large[-1] == 2499
    assert (starts % thin.RUN == 0).all()
    assert f"{len(rows)} of 3490 windows" in note
    assert thin.thinned(group[:900], y[:900], 1000)[1] == ""


def test_where_it_is_done_is_checked_before() -> None:
    told = check(Experiment(target="stm32", on="dask:/here", jobs=2))
    assert [p.message for p in told] == ["--on 'dask:/here' is no cluster"]
    told = check(Experiment(target="stm32", on="dask://here:8786", jobs=2))
    assert [p.message for p in told] == ["--jobs and --on contradict each other"]
