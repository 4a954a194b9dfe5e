"""The recordings that ship with the repository."""

from __future__ import annotations

import importlib.util
import io
import pickle
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sensorai.formats import ReadOptions, detect, find_logs, inspect, read_dataset


def script(repo: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, repo / "datalogs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_har(repo: Path) -> None:
    dataset = read_dataset([repo / "datalogs" / "har.csv"])
    assert len(dataset) == 50
    assert dataset.groups() == tuple(f"{k:02d}" for k in range(1, 11))
    assert len(dataset.label_set()) == 5
    assert sum(map(len, dataset)) == 69215
    for recording in dataset:
        assert recording.sensors == ("acc", "gyro")
        assert recording.rate_hz == 50.0
        assert [c.unit for c in recording.channels] == ["mg"] * 3 + ["dps"] * 3
        (span,) = recording.labels["label"]
        assert (span.start, span.stop) == (0, len(recording))
        assert recording.name == f"har/{recording.group}_{span.label}"
        # gravity is in it: nobody exercises in free fall
        assert 1000 < np.median(np.linalg.norm(recording.xyz("acc", "mg"), axis=1)) < 2500
        assert inspect(recording).repeated_rows == 0


def test_the_folder_is_small_and_says_where_it_comes_from(repo: Path) -> None:
    folder = repo / "datalogs"
    files = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) < 6_000_000
    assert "David M. Burns" in (folder / "LICENSE-seglearn.txt").read_text(encoding="utf-8")
    assert "Recorded by nobody" in (folder / "README.md").read_text(encoding="utf-8")


def test_st_style_is_what_its_script_makes(repo: Path, tmp_path: Path) -> None:
    import gzip

    script(repo, "make_st_style").main(tmp_path)
    committed = repo / "datalogs" / "st-style"
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert made == sorted(p.relative_to(committed) for p in committed.rglob("*") if p.is_file())
    assert len(made) == 18
    for file in made:
        a, b = (tmp_path / file).read_bytes(), (committed / file).read_bytes()
        # compressed bytes may differ between versions of zlib
        assert (gzip.decompress(a), gzip.decompress(b)) if file.suffix == ".gz" else a == b


def test_the_unpickler_knows_arrays_and_nothing_else(repo: Path) -> None:
    har = script(repo, "make_har")
    content = {"X": [np.arange(6.0).reshape(1, 6)], "y": np.array([1, 2])}
    file = io.BytesIO()
    np.save(file, np.array(content, dtype=object), allow_pickle=True)
    # today's NumPy writes its function's new address; the data file has the old one
    data = file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    header, body = data[:128], data[128:]
    assert b"numpy.core" in body
    evil = header + pickle.dumps({"X": print}, protocol=2)
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        har.load(evil)
    with pytest.raises(ValueError, match="of version 1"):
        har.load(b"\x93NUMPY\x02\x00" + data[8:])


def test_other_style_is_what_its_script_makes(repo: Path, tmp_path: Path) -> None:
    script(repo, "make_st_style")
    script(repo, "make_other_style").main(tmp_path)
    committed = repo / "datalogs" / "other-style"
    made = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file())
    assert made == sorted(p.relative_to(committed) for p in committed.rglob("*") if p.is_file())
    assert len(made) == 33
    for file in made:
        assert (tmp_path / file).read_bytes() == (committed / file).read_bytes()


@pytest.mark.parametrize("name", ["still", "swing", "shake"])
def test_other_style_holds_the_same_movement_in_every_format(repo: Path, name: str) -> None:
    (folder,) = (repo / "datalogs" / "other-style").glob(f"*_{name}")
    (true,) = read_dataset([*(repo / "datalogs/st-style").glob(f"*_{name}/mems_studio.csv")]).recordings
    acc = true.xyz("acc", "mg")
    seen = set()
    for log in find_logs([folder]):
        options = ReadOptions(
            sensor="POCKET_ACC" if log.name == "umafall.csv" else None,
            header="acc_x[g],acc_y[g],acc_z[g]" if log.name == "nanoedge.txt" else None,
            rate_hz=100.0 if log.name == "nanoedge.txt" else None,
            units={"acc": "g"},
        )
        found = read_dataset([log], options)
        seen.add(detect(log))
        assert np.allclose(np.concatenate([r.xyz("acc", "mg") for r in found]), acc, rtol=0, atol=1e-9), log
        assert found.label_set() == (name,)
        assert {round(r.rate_hz or 0, 6) for r in found} == {100.0}
    assert seen == {
        "hsdatalog-v1",
        "hsdatalog-v2",
        "edge-impulse-json",
        "edge-impulse-cbor",
        "edge-impulse-csv",
        "nanoedge",
        "umafall",
    }
