"""Which files, whose labels, which groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorai.errors import ConfigError, DataError
from sensorai.formats import ReadOptions, read_dataset
from sensorai.formats.dataset import find_logs, folder_label
from sensorai.formats.mapping import read_mapping
from sensorai.recording import Dataset, Span

PLAIN = "ax[g],ay[g],az[g]\n0,0,1\n0,0,1\n"


def put(folder: Path, name: str, text: str = PLAIN) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def labels(dataset: Dataset) -> list[tuple[str, list[str]]]:
    return [(r.name, [s.label for s in r.labels.get("label", ())]) for r in dataset]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("0_still/log_0.csv", "0_still/log_1.csv", "1_walk_fast/log_0.csv", "run/a.csv", "run/b.txt"):
        put(tmp_path, name)
    for name in ("README.txt", "LICENSE-x.txt", "run/.hidden.csv", "run/notes.md", ".git/x.csv"):
        put(tmp_path, name, "not a log")
    return tmp_path


def test_folders_name_classes(tree: Path) -> None:
    dataset = read_dataset([tree])
    assert labels(dataset) == [
        ("0_still/log_0", ["still"]),
        ("0_still/log_1", ["still"]),
        ("1_walk_fast/log_0", ["walk_fast"]),
        ("run/a", ["run"]),
        ("run/b", ["run"]),
    ]
    assert dataset.groups() == tuple(r.name for r in dataset)
    assert dataset.recordings[0].labels["label"] == (Span(0, 2, "still"),)
    assert "label 'still' from the folder's name" in dataset.recordings[0].notes


@pytest.mark.parametrize(
    ("folder", "label"),
    [("0_still", "still"), ("still", "still"), ("12_a_b", "a_b"), ("a_0", "a_0"), ("3_", "3_"), ("7", "7")],
)
def test_folder_label(tmp_path: Path, folder: str, label: str) -> None:
    assert folder_label(tmp_path / folder / "x.csv") == label


def test_a_file_named_twice_is_read_once(tree: Path) -> None:
    assert len(read_dataset([tree / "run", tree / "run" / "a.csv", tree / "run"])) == 2


def test_a_label_column_wins_over_the_folder(tree: Path) -> None:
    put(tree, "run/a.csv", "ax[g],ay[g],az[g],label\n0,0,1,hop\n0,0,1,\n")
    assert labels(read_dataset([tree / "run"])) == [("a", ["hop"]), ("b", ["run"])]


def test_globs_name_classes(tree: Path) -> None:
    given = [("slow", "0_still/*"), ("fast", "run/*.csv"), ("fast", "b.txt"), ("fast", "1_*/log_0.csv")]
    found = labels(read_dataset([tree], labels=given))
    assert [names for _, names in found] == [["slow"], ["slow"], ["fast"], ["fast"], ["fast"]]


def test_same_name_from_two_globs_is_no_conflict(tree: Path) -> None:
    assert labels(read_dataset([tree / "run"], labels=[("go", "*.csv"), ("go", "run/*")]))[0] == ("a", ["go"])


def test_further_label_columns(tmp_path: Path) -> None:
    path = put(tmp_path, "x/a.csv", "ax[g],ay[g],az[g],label,hand\n0,0,1,p,left\n0,0,1,q,left\n")
    (recording,) = read_dataset([path], label_columns=["hand"])
    assert recording.labels == {"label": (Span(0, 1, "p"), Span(1, 2, "q")), "hand": (Span(0, 2, "left"),)}


def test_groups(tmp_path: Path) -> None:
    a = put(tmp_path, "x/s1_a.csv", "ax[g],ay[g],az[g],subject\n0,0,1,eve\n0,0,1,adam\n")
    b = put(tmp_path, "x/s2_b.csv", "ax[g],ay[g],az[g],group,subject\n0,0,1,eve,1\n")
    c = put(tmp_path, "x/s3_c.csv")
    assert [r.group for r in read_dataset([a, b, c])] == ["eve", "adam", "eve", "s3_c"]
    options = ReadOptions(group_path=r"s\d")
    assert [r.group for r in read_dataset([a, b, c], options)] == ["eve", "adam", "eve", "s3"]


def test_same_stem_in_one_folder(tmp_path: Path) -> None:
    files = [put(tmp_path, "x/a.csv"), put(tmp_path, "x/a.txt")]
    assert [r.name for r in read_dataset(files)] == ["a.csv", "a.txt"]


def test_refusals(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    labelled = put(tree, "run/a.csv", "ax[g],ay[g],az[g],label\n0,0,1,hop\n")
    with pytest.raises(ConfigError, match=r"no log matches --label x=\*\.bin"):
        read_dataset([tree], labels=[("x", "*.bin")])
    with pytest.raises(ConfigError, match="no log matches --label x="):
        read_dataset([tree], labels=[("x", "")])
    with pytest.raises(ConfigError, match="conflicting labels: --label gives the log 'x' and 'y'"):
        read_dataset([tree / "run" / "b.txt"], labels=[("x", "*"), ("y", "b.*")])
    with pytest.raises(DataError, match=r"conflicting labels: --label says 'x', the label column .* 'hop'"):
        read_dataset([labelled], labels=[("x", "*")])
    with pytest.raises(DataError, match="has no label column and matches no --label"):
        read_dataset([tree / "run"], labels=[("hop", "a.csv")])
    with pytest.raises(DataError, match="no such file or folder"):
        read_dataset([tree / "absent"])
    with pytest.raises(ConfigError, match="no logs given"):
        read_dataset([])
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(DataError, match="no logs in the folder"):
        read_dataset([empty])
    put(empty, "x.dat")
    with pytest.raises(DataError, match="hint: HSDatalog folders need their DeviceConfig"):
        read_dataset([empty])


def test_labels_that_differ_only_in_case(tree: Path) -> None:
    put(tree, "Run/a.csv")
    with pytest.raises(DataError, match=r"conflicting labels: '[Rr]un' and '[Rr]un' differ only in case"):
        read_dataset([tree / "run", tree / "Run"])


def test_find_logs_sorts(tree: Path) -> None:
    assert [p.name for p in find_logs([tree])] == ["log_0.csv", "log_1.csv", "log_0.csv", "a.csv", "b.txt"]


# ---------------------------------------------------------------- tables that are no logs

INDEX = "file,subject,side,label,samples\nb.csv,1,0,walk,2\n"


def left_out(dataset: Dataset) -> set[str]:
    return {note for r in dataset for note in r.notes if note.startswith("skipped")}


def test_an_index_beside_logs_is_left_out(tree: Path) -> None:
    before = labels(read_dataset([tree]))
    put(tree, "index.csv", INDEX)
    put(tree, "run/trim_ms.csv", "trace,gesture end ms\na,1770\n")
    dataset = read_dataset([tree])
    assert labels(dataset) == before
    assert left_out(dataset) == {"skipped, as without any motion column: index.csv, run/trim_ms.csv"}
    for i in range(5):
        put(tree, f"x{i}.csv", INDEX)
    assert left_out(read_dataset([tree])) == {
        "skipped, as without any motion column: index.csv, run/trim_ms.csv, x0.csv, x1.csv, x2.csv and 2 more"
    }


def test_an_index_named_by_itself_is_refused(tree: Path) -> None:
    index = put(tree, "index.csv", INDEX)
    with pytest.raises(DataError, match="no accelerometer") as error:
        read_dataset([tree, index])
    assert error.value.where == f"{index}:1"


def test_a_folder_without_any_motion_is_refused(tree: Path, tmp_path: Path) -> None:
    put(tmp_path, "more/index.csv", INDEX)
    with pytest.raises(DataError, match="no accelerometer"):
        read_dataset([tmp_path / "more"])
    # logs in another folder do not make up for it
    with pytest.raises(DataError, match="no accelerometer"):
        read_dataset([tree / "run", tmp_path / "more"])


def test_an_index_lacks_the_columns_that_were_named(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    put(folder, "a.csv", "p,q,r,kind\n0,0,1,still\n0,0,1,still\n")
    put(folder, "index.csv", INDEX)
    told = {"acc_x": "p", "acc_y": "q", "acc_z": "r"}
    dataset = read_dataset([folder], ReadOptions(columns=told, label="kind"))
    assert (len(dataset), left_out(dataset)) == (1, {"skipped, as without any motion column: index.csv"})
    file = put(tmp_path, "map.toml", "[columns]\nacc_x = 'p'\nacc_y = 'q'\nacc_z = 'r'\n")
    dataset = read_dataset([folder], ReadOptions(mapping=read_mapping(file)))
    assert (len(dataset), left_out(dataset)) == (1, {"skipped, as without any motion column: index.csv"})
    # a name that no log has is a slip, and told as before
    with pytest.raises(DataError, match="no column 'ppp'"):
        read_dataset([folder], ReadOptions(columns={**told, "acc_x": "ppp"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ax[g],ay[g],az[g]\n",
        "ax[g],ay[g],az[g]\n0,0,?\n",
        "ax[g],subject\n0,x\n0\n",
        "0,0,1\n0,0,1\n",
        "0,0,1,walk\n0,0,1,walk\n",
        "time,su",
        "\x01\x02,\x03\n\x04,\x05\n",
        "the sensor lay on its back\nand fell down\n",
    ],
)
def test_a_damaged_log_is_never_left_out(tree: Path, text: str) -> None:
    put(tree, "run/c.csv", text)
    with pytest.raises(DataError) as error:
        read_dataset([tree])
    assert "c.csv" in error.value.where


def test_a_mapping_with_a_wrong_separator_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "logs/a.csv", "p;q;r\n0;0;1\n0;0;1\n")
    put(tmp_path, "logs/b.csv", "p,q,r\n0,0,1\n0,0,1\n")
    head = "delimiter = ';'\n[columns]\n"
    file = put(tmp_path, "map.toml", f"{head}acc_x = 'p'\nacc_y = 'q'\nacc_z = 'r'\n")
    with pytest.raises(DataError, match="no column 'p'"):
        read_dataset([tmp_path / "logs"], ReadOptions(mapping=read_mapping(file)))
