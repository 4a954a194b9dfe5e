"""Files appear whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from sensorai.errors import UserError
from sensorai.files import check_writable, write_bytes, write_folder, write_with
from tests.cli.call import snapshot, unchanged

FILES = {"a.txt": b"one", "b.txt": b"two", "c.txt": b"three"}


class Stop(BaseException):
    """Stands for Ctrl-C (which pytest would take for its own)."""


def stop_after(monkeypatch: pytest.MonkeyPatch, method: str, count: int) -> None:
    """Let ``Path.method`` work ``count`` times and then raise, once."""
    real = getattr(Path, method)
    left = [count]

    def method_or_stop(self: Path, *args: object) -> object:
        left[0] -= 1
        if left[0] == -1:
            raise Stop
        return real(self, *args)

    monkeypatch.setattr(Path, method, method_or_stop)


def test_new_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "deep" / "out", FILES)
    assert snapshot(tmp_path / "deep") == {"out": None, **{f"out/{k}": v for k, v in FILES.items()}}


def test_new_folder_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").mkdir()
    write_folder(tmp_path / "out", FILES)
    (tmp_path / "usual" / "a").write_text("")
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert (tmp_path / "out" / "a.txt").stat().st_mode == (tmp_path / "usual" / "a").stat().st_mode


def test_existing_folder_keeps_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "a.txt").write_text("old")
    write_folder(tmp_path, FILES, ["old.txt", "never.txt"])
    assert snapshot(tmp_path) == {**FILES, "mine": b"mine"}


def test_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_folder(Path(), FILES)
    assert snapshot(tmp_path) == FILES


@pytest.mark.parametrize("method", ["write_bytes", "rename"])
@pytest.mark.parametrize("count", range(7))
def test_stopped_in_an_existing_folder(
    method: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mine", "old.txt", "a.txt", "c.txt"):
        (tmp_path / name).write_text(f"old {name}")
    steps = {"write_bytes": 3, "rename": 6}[method]  # three renames aside, three in
    stop_after(monkeypatch, method, count)
    if count >= steps:
        write_folder(tmp_path, FILES, ["old.txt"])
        assert snapshot(tmp_path) == {**FILES, "mine": b"old mine"}
        return
    with unchanged(tmp_path), pytest.raises(Stop):
        write_folder(tmp_path, FILES, ["old.txt"])


@pytest.mark.parametrize(("method", "count"), [("write_bytes", 0), ("write_bytes", 2), ("rename", 0)])
def test_stopped_before_a_new_folder(
    method: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(monkeypatch, method, count)
    with unchanged(tmp_path), pytest.raises(Stop):
        write_folder(tmp_path / "out", FILES)


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with unchanged(tmp_path), pytest.raises(UserError, match=r"cannot write .*out: No space left on device"):
        write_folder(tmp_path / "out", FILES)


def test_stopped_while_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")

    def half(file: object) -> None:
        file.write(b"ne")  # type: ignore[attr-defined]
        raise Stop

    with unchanged(tmp_path), pytest.raises(Stop):
        write_with(tmp_path / "a.txt", half)


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    with unchanged(tmp_path), pytest.raises(UserError, match=r"cannot write .*a\.txt"):
        write_bytes(tmp_path / "a.txt", b"new")


def test_check_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with unchanged(tmp_path):
        check_writable(tmp_path / "not" / "yet")
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file is a file, not a folder"):
        check_writable(tmp_path / "file" / "below")

    def no(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", no)
    with pytest.raises(UserError, match="Permission denied"):
        check_writable(tmp_path / "not" / "yet")
