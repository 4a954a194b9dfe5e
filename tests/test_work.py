"""Work elsewhere: results in order, our errors as they are, and no waiting for a worker that is gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorai import kept
from sensorai.errors import ConfigError, DataError, Problem, TargetError, UserError
from sensorai.work import LOST, Processes


def work(shared: npt.NDArray[np.float64], item: Any) -> Any:
    """What is asked for: a part of what is shared, or trouble."""
    if item == "data":
        raise DataError("no such thing", where="a.csv:3", hint="mend it")
    if item == "target":
        raise TargetError([Problem("too large", hint="less"), Problem("too slow")])
    if item == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "sleep":
        time.sleep(60)
    return os.getpid(), shared[item:] + 1


@pytest.fixture(scope="module")
def two() -> Iterator[Processes]:
    found = Processes(2)
    yield found
    found.close()


def test_results_come_in_order_and_large_ones_as_files(two: Processes) -> None:
    shared = np.arange(300_000.0)
    before = len(os.listdir(kept.folder()))
    made = list(two.map(work, shared, [0, 299_998, 1, 299_999]))
    assert [len(x) for _, x in made] == [300_000, 2, 299_999, 1]
    assert all((x == shared[-len(x) :] + 1).all() for _, x in made)
    assert os.getpid() not in {process for process, _ in made}
    assert kept.place_of(made[0][1]) is not None
    assert kept.place_of(made[1][1]) is None
    # files go with their arrays
    del made
    assert len(os.listdir(kept.folder())) == before


def test_our_errors_come_back_as_they_are(two: Processes) -> None:
    with pytest.raises(DataError) as data:
        list(two.map(work, np.zeros(1), [0, "data"]))
    assert (data.value.where, data.value.hint) == ("a.csv:3", "mend it")
    with pytest.raises(TargetError) as target:
        list(two.map(work, np.zeros(1), ["target", 0]))
    assert target.value.parts() == ["too large", "too slow"]


def test_a_killed_worker_is_an_error_and_the_next_work_is_done(two: Processes) -> None:
    begun = time.monotonic()
    with pytest.raises(UserError, match=LOST[:20]):
        list(two.map(work, np.zeros(1), ["kill", "sleep"]))
    assert time.monotonic() - begun < 50
    assert len(list(two.map(work, np.zeros(1), [0, 0]))) == 2


def test_little_to_do_stays_here() -> None:
    for here in (Processes(1), Processes()):
        found = list(here.map(work, np.zeros(1), [0, 0], much=False))
        assert {process for process, _ in found} == {os.getpid()}
        here.close()


def test_kept_arrays_are_the_same_and_rest(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5000, 3))
    made, empty = kept.kept([array, np.zeros((0, 3))])
    assert empty.shape == (0, 3)
    kept.rest(made, made[10:], made[:, 1], None, array)
    assert (made == array).all()
    place = kept.place_of(made[7:9])
    assert place is not None
    assert (place.open() == array[7:9]).all()
    assert kept.place_of(made[:, 1]) is None
    # what is written to it is its own: the file stays
    made[0] = 5
    assert (place.open() == array[7:9]).all()
    path = Path(place.path)
    assert path.stat().st_mode & 0o077 == 0 or path.parent.stat().st_mode & 0o077 == 0
    del made
    assert not path.exists()


def test_no_room_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kept, "_folder", tmp_path / "gone")
    with pytest.raises(UserError, match="cannot be kept on disk"):
        kept.kept([np.ones(3)])


def test_nobody_at_an_address_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from sensorai import workers

    pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "PATIENCE", 1)
    with pytest.raises(ConfigError, match="nobody answers at dask://"):
        workers.cluster("dask://127.0.0.1:9")
