"""What a file or folder is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorai import kinds
from sensorai.errors import DataError, UserError
from sensorai.kinds import Kind, explained, explained_logs, look
from sensorai.mlc.artifact import open_artifact
from sensorai.mlc.describe import as_dict
from sensorai.regfile import to_json
from tests.ispu.test_files import rf

LOG = "ax[g],ay[g],az[g]\n0,0,1\n"
UCF = "-- Machine Learning Core Tool v1.0.0.0, LSM6DSOX\nAc 10 00\nAc 11 00\n"


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.csv", LOG, Kind.LOG),
        ("a.dat", LOG, Kind.LOG),
        ("a.csv", "1,2,3\n4,5,6\n", Kind.LOG),
        ("a.csv", "ax[g],ay[g],az[g]\n0,oops,1\n", Kind.LOG),
        ("a.ucf", UCF, Kind.REGISTERS),
        ("a.txt", UCF, Kind.REGISTERS),
        ("a.ucf", UCF + "Ac 1\n", Kind.OTHER),
        ("a.arff", "@relation x\n@attribute a numeric\n", Kind.FEATURES),
        ("a.bin", b"SALK\x01\x02", Kind.KNOWLEDGE),
        ("a.txt", "0x53, 0x41, 0x4c, 0x4B, 0x01", Kind.KNOWLEDGE),
        ("a.hex", "53414c4b0102", Kind.KNOWLEDGE),
        ("a.blob", b"SNET\x01\x00", Kind.BLOB),
        ("a.elf", b"\x7fELF\x01\x01", Kind.ELF),
        ("model.sai", "{}", Kind.INDEX),
        ("report.json", '{"format": "sensorai-report"}', Kind.REPORT),
        ("report.html", "<!doctype html><title>sensorai</title>", Kind.REPORT),
        ("a.html", "<p>hello", Kind.OTHER),
        ("a.json", '{"a": 1}', Kind.OTHER),
        ("a.json", "{oops", Kind.OTHER),
        ("a.json", "{" * 5000, Kind.OTHER),
        ("a.txt", "dear diary\n", Kind.OTHER),
        ("a.txt", "", Kind.OTHER),
        ("a.png", b"\x89PNG\0\0", Kind.OTHER),
    ],
)
def test_files(name: str, data: str | bytes, kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    assert look(path).kind is kind


@pytest.mark.parametrize(
    ("files", "kind", "detail"),
    [
        ({"model.sai": '{"target": "mlc"}'}, Kind.MLC, ""),
        ({"model.sai": "{damaged"}, Kind.MLC, ""),
        ({"model.sai": '{"target": "ispu"}'}, Kind.ISPU, ""),
        ({"model.sai": '{"target": "stm32"}'}, Kind.CORTEX, ""),
        ({"ispu.toml": ""}, Kind.ISPU, ""),
        ({"walk/a.csv": LOG, "run/b.csv": LOG, "README.txt": "x"}, Kind.LOGS, "2 files"),
        ({".hidden/a.csv": LOG}, Kind.EMPTY, ""),
        ({}, Kind.EMPTY, ""),
        ({"a.png": "x"}, Kind.OTHER, "a folder without logs, register files and results"),
    ],
)
def test_folders(files: dict[str, str], kind: Kind, detail: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = look(tmp_path)
    assert (found.kind, found.detail) == (kind, detail)


def test_a_folder_of_results_names_one(tmp_path: Path) -> None:
    for name in ("b c", "d"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.sai").write_text("{}")
    found = look(tmp_path)
    assert found.kind is Kind.RESULTS
    assert found.advice == f'give one of them: "{tmp_path}/b c"'


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        look(tmp_path / "none")


def test_a_large_folder_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_MOST", 3)
    for i in range(9):
        (tmp_path / f"{i}.csv").write_text(LOG)
    assert look(tmp_path).detail == "3 files"


def test_register_files_and_settings_of_st(shared: Path) -> None:
    root = shared / "data" / "mlc-reference" / "st-mems-machine-learning-core"
    found = {look(path).kind for path in root.glob("examples/*/*/*.json")}
    assert found == {Kind.REGISTERS}
    settings = list(root.rglob("mlc_settings*.json"))
    assert settings
    assert {look(path).kind for path in settings} == {Kind.SETTINGS}


def test_a_program_of_the_ispu(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(to_json(rf()))
    assert look(path).kind is Kind.PROGRAM


def test_a_description(shared: Path, tmp_path: Path) -> None:
    root = shared / "data" / "mlc-reference" / "st-mems-machine-learning-core"
    path = tmp_path / "a.json"
    path.write_text(json.dumps(as_dict(open_artifact(sorted(root.glob("examples/*/*/*.json"))[0]).decoded)))
    assert look(path).kind is Kind.DESCRIPTION


def test_every_kind_has_advice() -> None:
    for kind in Kind:
        assert "{" not in kinds.Found(kind, Path("x")).advice


def test_an_error_of_the_right_kind_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.ucf"
    path.write_text(UCF)
    with pytest.raises(UserError, match="of its own"), explained("decode", path, (Kind.REGISTERS,)):
        raise UserError("of its own")
    with (
        pytest.raises(UserError, match="is an MLC register file; 'build' takes an ISPU project"),
        explained("build", path, (Kind.ISPU,)),
    ):
        raise UserError("of its own")
    with pytest.raises(UserError, match="is an MLC register file, not a log"), explained_logs([path]):
        raise UserError("of its own")
    with pytest.raises(UserError, match="of its own"), explained_logs([tmp_path / "none", tmp_path]):
        raise UserError("of its own")
    with pytest.raises(ZeroDivisionError), explained("build", path, (Kind.ISPU,)), explained_logs([path]):
        raise ZeroDivisionError
