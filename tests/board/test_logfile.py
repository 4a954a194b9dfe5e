"""A log in the making: whole at any byte, on a full disk, and with gaps that no window crosses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sensorai.board.logfile import LogFile, Who, check_text, free_name, slug
from sensorai.errors import ConfigError, DataError, UserError
from sensorai.formats import read_dataset, read_log
from sensorai.formats.layout import LIVE

ANNA = Who("anna", "monday")
COLUMNS = ("time[s]", "acc_x[mg]", "acc_y[mg]", "acc_z[mg]")


def rows(start: int, count: int) -> list[str]:
    return [f"{i / 100:.6f},{i},{-i},{1000 + i % 7}" for i in range(start, start + count)]


def make(path: Path, who: Who = ANNA) -> LogFile:
    log = LogFile(path, COLUMNS, who=who)
    log.set_rate(100.0)
    return log


def test_a_log_reads_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = make(path)
    log.write(rows(0, 50), "walk")
    log.write(rows(50, 50), "sit")
    log.write(rows(120, 40), "sit", gap=True)
    log.set_rate(99.98)
    assert log.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv"]
    one, two = read_log(path)
    assert (len(one), len(two)) == (100, 40)
    assert one.rate_hz == two.rate_hz == 99.98
    assert one.group == two.group == "anna"
    assert [(s.start, s.stop, s.label) for s in one.labels["label"]] == [(0, 50, "walk"), (50, 100, "sit")]
    assert one.samples[99].tolist() == [99, -99, 1001]
    assert two.samples[0].tolist() == [120, -120, 1001]
    assert not any("comment" in note for note in one.notes)


def test_a_window_never_crosses_a_gap(tmp_path: Path) -> None:
    log = make(tmp_path / "a.csv")
    log.write(rows(0, 30), "walk")
    # one sample is missing: no time stamp jumps far enough to be seen
    log.write(rows(31, 30), "walk", gap=True)
    log.close()
    recordings = list(read_dataset([tmp_path / "a.csv"]))
    assert [len(r) for r in recordings] == [30, 30]
    assert [r.window_labels(26) for r in recordings] == [["walk"], ["walk"]]
    assert len({r.group for r in recordings}) == 1


def test_without_a_subject_the_log_is_the_group(tmp_path: Path) -> None:
    log = make(tmp_path / "a_001.csv", Who())
    log.write(rows(0, 5))
    log.write(rows(9, 5), gap=True)
    log.close()
    recordings = list(read_dataset([tmp_path / "a_001.csv"]))
    assert [r.group for r in recordings] == ["a_001", "a_001"]
    # no label is known: not even the folder's name is one
    assert all(r.labels["label"] == () for r in recordings)
    told = list(read_dataset([tmp_path], labels=[("rest", "a_*.csv")]))
    assert {s.label for r in told for s in r.labels["label"]} == {"rest"}


def test_cut_at_any_byte_it_is_a_valid_log(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = make(path)
    log.write(rows(0, 12), "walking")
    log.close()
    data = path.read_bytes()
    head = data.index(b"recording\n") + len(b"recording\n")
    first = data.index(b"\n", head) + 1
    short = tmp_path / "b.csv"
    for end in range(len(data) + 1):
        short.write_bytes(data[:end])
        if end < first:
            # such a file never has the log's name: it is hidden until it has rows
            with pytest.raises(DataError):
                read_log(short)
            continue
        (recording,) = read_log(short)
        whole = data[:end].count(b"\n") - data[:head].count(b"\n")
        assert len(recording) == whole, end
        assert recording.group == "anna"
        assert recording.samples[-1].tolist()[0] == whole - 1
        assert {s.label for s in recording.labels["label"]} == {"walking"}


def test_other_logs_keep_their_last_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# rate_hz: 10\nacc_x[g],acc_y[g],acc_z[g]\n1,2,3\n4,5,6")
    assert len(read_log(path)[0]) == 2


def test_nothing_is_left_without_samples(tmp_path: Path) -> None:
    log = make(tmp_path / "a.csv")
    assert not log.close()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_log_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    log = make(path)
    path.write_text("precious")
    log.write(rows(0, 3))
    with pytest.raises(UserError, match="exists already"):
        log.close()
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]


FULL = """
import sys
from pathlib import Path
import resource, signal
from sensorai.board.logfile import LogFile, Who
from sensorai.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
log = LogFile(Path(sys.argv[1]), ["acc_x[g]", "acc_y[g]", "acc_z[g]"], who=Who("a"))
log.set_rate(50.0)
try:
    for i in range(1000):
        log.write([f"{i},2,{i + 1}"] * 4, "walk")
        log.flush()
except UserError as error:
    print(error)
    log.close()
"""


#: Bytes above the first row.
HEAD = len(f"# {LIVE} rows are appended as they come, the last one may be cut off\n") + 79


@pytest.mark.parametrize("size", [0, HEAD - 1, HEAD, HEAD + 14, HEAD + 15, HEAD + 29, HEAD + 30, 4096])
def test_a_full_disk_keeps_whole_rows(tmp_path: Path, size: int) -> None:
    path = tmp_path / "logs" / "a.csv"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path), str(size)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "File too large" in done.stdout
    assert "lost" in done.stdout
    kept = 0
    if path.exists():
        data = path.read_bytes()
        assert data.endswith(b"\n")
        (recording,) = read_log(path)
        kept = len(recording)
        assert f"{kept} samples are in the file" in done.stdout
    else:
        assert "no sample could be written" in done.stdout
        assert list(path.parent.iterdir()) == []
    # bytes of header, 15 of the first row
    assert (kept > 0) == (size >= HEAD + 15), kept


def test_a_device_that_is_full(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    log = make(tmp_path / "a.csv")
    full = os.open("/dev/full", os.O_RDWR)
    os.dup2(full, log._file)
    os.close(full)
    log.write(rows(0, 3))
    with pytest.raises(UserError, match="No space left on device; no sample could be written, 3 received"):
        log.flush()


KILLED = """
import sys, time
from pathlib import Path
from sensorai.board.logfile import LogFile, Who
log = LogFile(Path(sys.argv[1]), ["acc_x[g]", "acc_y[g]", "acc_z[g]"], who=Who("a"))
log.set_rate(50.0)
i = 0
while True:
    log.write([f"{i + k},2,3" for k in range(200)], "walk")
    i += 200
    log.flush()
    print(i, flush=True)
"""


def test_killed_in_the_middle_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(20):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[0].split()
    (recording,) = read_log(path)
    assert len(recording) >= (int(said[-1]) if said else 4000)
    assert recording.samples[:, 0].tolist() == list(range(len(recording)))


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        make(tmp_path / "file" / "a.csv")


def test_names(tmp_path: Path) -> None:
    assert free_name(tmp_path, "walk").name == "walk_001.csv"
    (tmp_path / "walk_001.parquet").write_text("")
    (tmp_path / ".walk_002.csv.part").write_text("")
    (tmp_path / "walk_up_003.csv").write_text("")
    assert free_name(tmp_path, "walk").name == "walk_003.csv"
    assert slug("walk up/down") == "walk-up-down"
    assert slug("../..") == "log"
    for text in ("a,b", 'a"b', " a", "a\n", ""):
        with pytest.raises(ConfigError):
            check_text(text, "label")


def test_rows_wait_only_for_a_moment(tmp_path: Path) -> None:
    log = make(tmp_path / "a.csv")
    log.write(rows(0, 1))
    time.sleep(0.3)
    log.write(rows(1, 1))
    assert len(read_log(tmp_path / "a.csv")[0]) == 2
    log.close()
