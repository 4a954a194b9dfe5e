"""``sensorai train`` end to end on small logs: what it writes, and that all of it says the same."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorai.experiment.option import SECTIONS
from sensorai.formats import read_dataset, read_log
from sensorai.learn.split import share
from sensorai.mlc import half
from sensorai.mlc.arff import read_arff
from sensorai.mlc.decode import decode
from sensorai.mlc.devices import device
from sensorai.mlc.encode import encode
from sensorai.mlc.regfile import read_register_file
from sensorai.model.forest import Tree
from sensorai.regfile import to_json, to_ucf
from tests.cli.call import Outcome, call, refused, snapshot
from tests.cli.conftest import QUICK
from tests.cli.logs import write_log

#: One device of every generation (and of both axis orders) with a rate of its core.
PARTS = ("LSM6DSOX", "LSM6DSRX", "LSM6DSV16X", "LIS2DUX12", "LSM6DSV16BX")
#: Files of a training named NAME with one tree (ARCHITECTURE 5, README).
NAMES = (
    *("model.sai", "report.json", "report.html", "sensorai.toml"),
    *("features.arff", "tree_1.txt", "mlc_settings.json"),
    *("toy.json", "toy.ucf", "toy.h", "toy_plain.h"),
)


def train(log: Path, out: Path, *words: str, name: str = "toy", said: str = "") -> dict[str, Any]:
    """Train quickly and well, with ``said`` beside the report; return the report."""
    told = () if "--device" in words else ("--device", "LSM6DSOX")
    result = call("train", log, "--target", "mlc", "--out", out, "--name", name, *told, *QUICK, *words)
    assert (result.code, result.err) == (0, said), result.err
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def equal_windows(report: dict[str, Any]) -> int:
    """Windows that every level of the proof compared, all of them equal."""
    levels = report["proof"]["levels"]
    assert [level["first_divergence"] for level in levels] == [None] * len(levels)
    (windows,) = {level["windows"] for level in levels}
    return int(windows)


def good(result: Outcome) -> str:
    assert (result.code, result.err) == (0, ""), result.err
    return result.out


@pytest.mark.parametrize("part", PARTS)
def test_every_generation(part: str, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "toy"
    report = train(log, out, "--device", part, "--test-share", "0.25")
    assert sorted(snapshot(out)) == sorted(NAMES)
    assert report["device"] == part
    (tree,) = report["classifiers"]
    assert tree["held_out"]["decided"]["balanced_accuracy"] > 0.9
    windows = equal_windows(report)
    assert windows > 30
    # every syntax holds the same configuration
    decoded = [
        decode(read_register_file(out / f"toy{end}"), part) for end in (".json", ".ucf", ".h", "_plain.h")
    ]
    ops = [
        [
            (type(op).__name__, getattr(op, "register", None), getattr(op, "value", None))
            for op in read_register_file(out / f"toy{end}").ops
        ]
        for end in (".json", ".ucf", ".h", "_plain.h")
    ]
    assert all(one == ops[0] for one in ops)
    assert len(ops[0]) == report["cost"]["registers"]["writes"]
    first = decoded[0]
    assert not first.unknown
    for other in decoded[1:]:
        assert replace(other.config, trees=()) == replace(first.config, trees=())
        for mine, theirs in zip(first.config.trees, other.config.trees, strict=True):
            assert (mine.tree, mine.end_counters) == (theirs.tree, theirs.end_counters)
    assert set(first.config.trees[0].labels.values()) == {"rest", "walk", "shake"}
    assert 0 not in first.config.trees[0].labels
    # simulate: the same results as the report has, on the held-out groups
    test = report["data"]["test_groups"]
    assert test
    trace = tmp_path / "trace.csv"
    good(call("simulate", out, log, "--out", trace))
    recordings = {r["name"]: r for r in report["data"]["recordings"] if r["test"]}
    seen = [row for row in rows(trace) if row["recording"] in recordings]
    assert len(seen) == windows
    # validate: every level equal, and the same judgement as the training gave
    report_again = json.loads(good(call("validate", out, log, "--json")))
    assert equal_windows(report_again) == windows
    assert {one["level"] for one in report_again["proof"]["levels"]} >= {
        "model.sai",
        "toy.ucf",
        "toy.h",
        "toy_plain.h",
    }
    assert report_again["classifiers"][0]["held_out"] == tree["held_out"]


def test_axes_of_a_zyx_part_are_those_of_the_log(log: Path, tmp_path: Path) -> None:
    """On the LSM6DSV16BX input code 1 is Z: what the names say must be what is computed."""
    out = tmp_path / "toy"
    assert device("LSM6DSV16BX").acc_axes == "ZYX"
    train(log, out, "--device", "LSM6DSV16BX", "--rate", "60")
    description = json.loads(good(call("decode", out / "toy.json", "--as", "json")))
    plain = {"filter": None, "absolute": False, "threshold": None, "fifo": False}
    description["features"] = [
        {"name": "F1_MEAN_ACC_Z", "kind": "MEAN", "sensor": "acc", "axis": "Z", **plain}
    ]
    description["filters"] = []
    for node in description["trees"][0]["nodes"]:
        node["feature"] = 1
    path = tmp_path / "z.json"
    path.write_text(json.dumps(description))
    good(call("encode", path, "--out", tmp_path / "z.ucf"))
    good(call("simulate", tmp_path / "z.ucf", log, "--as-is", "--out", tmp_path / "z.csv"))
    table = rows(tmp_path / "z.csv")
    # gravity is on z in these logs
    assert len(table) > 100
    assert all(0.5 < float(row["F1_MEAN_ACC_Z"]) < 1.5 for row in table)


def test_same_seed_same_bytes(log: Path, trained: Path, tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes | None]:
        # where the logs lie, seen from the folder, is all that may differ
        return {name: data for name, data in snapshot(folder).items() if name != "sensorai.toml"}

    train(log, tmp_path / "other name")
    assert files(tmp_path / "other name") == files(trained)
    copy = tmp_path / "elsewhere" / "log.csv"
    copy.parent.mkdir()
    copy.write_bytes(log.read_bytes())
    train(copy, tmp_path / "third")
    assert files(tmp_path / "third") == files(trained)


def test_a_result_is_made_again_from_its_experiment(log: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "logs" / "toy"
    folder.parent.mkdir()
    (folder.parent / "log.csv").write_bytes(log.read_bytes())
    train(folder.parent / "log.csv", folder)
    before = snapshot(folder)
    assert 'logs = [\n    "../log.csv",\n]' in (folder / "sensorai.toml").read_text()
    # in place, and after folder and logs have moved together
    assert good(call("train", folder / "sensorai.toml", "-q")) == ""
    assert snapshot(folder) == before
    moved = tmp_path / "moved"
    folder.parent.rename(moved)
    (moved / "toy" / "toy.json").write_text("lost")
    assert good(call("train", moved / "toy" / "sensorai.toml", "-q")) == ""
    assert snapshot(moved / "toy") == before
    # an option given beside it changes the experiment
    other = tmp_path / "other"
    assert good(call("train", moved / "toy" / "sensorai.toml", "--seed", "3", "--out", other, "-q")) == ""
    assert "seed = 3" in (other / "sensorai.toml").read_text()
    refused(call("train", moved / "toy" / "sensorai.toml", log), "logs and a .toml file do not go together")


def test_nothing_of_this_machine_in_the_files(log: Path, trained: Path) -> None:
    for name, data in snapshot(trained).items():
        assert data is not None
        assert str(trained.parent).encode() not in data, name
        assert str(log.parent).encode() not in data, name


def test_divergence_is_found_and_named(log: Path, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "toy"
    folder.mkdir()
    for path in trained.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    good(call("validate", folder, log))
    # both ways out of the root exchanged
    decoded = decode(read_register_file(folder / "toy.json"))
    (dt,) = decoded.config.trees
    nodes = list(dt.tree.rows())
    feature, threshold, left, right = nodes[0]
    nodes[0] = (feature, threshold, right, left)
    wrong = replace(decoded.config, trees=(replace(dt, tree=Tree.from_nodes(nodes)),))
    registers = encode(wrong, name="toy")
    whole = (folder / "toy.ucf").read_bytes()
    (folder / "toy.ucf").write_text(to_ucf(registers))
    result = call("validate", folder, log)
    assert result.code == 3
    assert result.err.startswith("error: levels part: ")
    named = re.search(
        r"levels part: toy.ucf: log(#\d)?: window (\d+): tree 1 is (\d+).0 where (\d+).0 was expected",
        result.err,
    )
    assert named
    assert named[3] != named[4]
    assert "toy.ucf" in " ".join(result.out.split())
    assert "Traceback" not in result.err
    # and when it is the register file itself that went wrong
    (folder / "toy.ucf").write_bytes(whole)
    (folder / "toy.json").write_text(to_json(registers))
    result = call("validate", folder, log)
    assert result.code == 3
    assert "tree 1" in result.err


def test_a_threshold_moved_by_one_step_of_the_grid(log: Path, trained: Path, tmp_path: Path) -> None:
    """The smallest change there is: seen when, and only when, a window has that very value."""
    decoded = decode(read_register_file(trained / "toy.json"))
    (dt,) = decoded.config.trees
    good(call("simulate", trained, log, "--out", tmp_path / "trace.csv"))
    table = rows(tmp_path / "trace.csv")
    names = [name for name in table[0] if name.startswith("F")]
    windows = np.array([[float(row[name]) for name in names] for row in table])
    before = dt.tree.predict(windows)

    def moved(at: int, threshold: float) -> Tree:
        nodes = list(dt.tree.rows())
        nodes[at] = (nodes[at][0], threshold, *nodes[at][2:])
        return Tree.from_nodes(nodes)

    def pairs() -> Iterator[tuple[Tree, Tree]]:
        """A threshold on a value of a window, and one step of the grid below that value."""
        for at, (feature, threshold, *_) in enumerate(dt.tree.rows()):
            for value in sorted({v for v in windows[:, feature] if v <= threshold}, reverse=True):
                yield moved(at, value), moved(at, half.to_float(half.floor(np.nextafter(value, -np.inf))))

    on, below = next(
        (one, other)
        for one, other in pairs()
        if np.array_equal(one.predict(windows), before) and not np.array_equal(other.predict(windows), before)
    )
    for seen, tree in ((False, on), (True, below)):
        folder = tmp_path / f"toy{seen:d}"
        folder.mkdir()
        for path in trained.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        wrong = replace(decoded.config, trees=(replace(dt, tree=tree),))
        (folder / "toy.ucf").write_text(to_ucf(encode(wrong, name="toy")))
        result = call("validate", folder, log, "--all")
        assert result.code == (3 if seen else 0)
        assert ("tree 1" in result.err) == seen


def test_two_trees(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", more=True)
    out = tmp_path / "toy"
    report = train(log, out, "--tree", "kind=label", "--tree", "moves=moving", "--test-share", "0.25")
    assert sorted(snapshot(out)) == sorted([*NAMES, "tree_2.txt"])
    assert [(t["name"], t["column"]) for t in report["classifiers"]] == [
        ("kind", "label"),
        ("moves", "moving"),
    ]
    assert [{c["name"] for c in t["classes"]} for t in report["classifiers"]] == [
        {"rest", "walk", "shake"},
        {"no", "yes"},
    ]
    config = decode(read_register_file(out / "toy.json")).config
    assert [set(t.labels.values()) for t in config.trees] == [{"rest", "walk", "shake"}, {"no", "yes"}]
    again = json.loads(good(call("validate", out, log, "--json")))
    assert [t["held_out"] for t in again["classifiers"]] == [t["held_out"] for t in report["classifiers"]]


def test_code_0(log: Path, trained: Path, tmp_path: Path) -> None:
    report = train(log, tmp_path / "toy", "--use-code-0")
    assert 0 in {c["code"] for c in report["classifiers"][0]["classes"]}
    without = json.loads((trained / "report.json").read_text())
    assert 0 not in {c["code"] for c in without["classifiers"][0]["classes"]}
    good(call("validate", tmp_path / "toy", log))


@pytest.mark.parametrize(
    ("given", "wanted"), [("off", [0, 0, 0, 0]), ("3", [3, 3, 3, 3]), ("0,1,2,14", [0, 1, 2, 14])]
)
def test_end_counters(given: str, wanted: list[int], log: Path, tmp_path: Path) -> None:
    report = train(log, tmp_path / "toy", "--end-counters", given)
    assert report["classifiers"][0]["tree"]["end_counters"] == wanted
    assert (
        list(decode(read_register_file(tmp_path / "toy" / "toy.ucf")).config.trees[0].end_counters) == wanted
    )


def test_end_counters_delay(log: Path, tmp_path: Path) -> None:
    """An end counter keeps the register on the old class for a while: seen in the trace."""
    train(log, tmp_path / "toy", "--end-counters", "4")
    good(call("simulate", tmp_path / "toy", log, "--out", tmp_path / "t.csv"))
    table = rows(tmp_path / "t.csv")
    assert any(row["tree1"] != row["decided1"] for row in table)


def test_seed_and_share_say_who_is_tested(tmp_path: Path) -> None:
    log = write_log(tmp_path / "eight.csv", subjects="abcdefgh", seconds=4)
    found = set()
    for seed in ("0", "1", "2"):
        report = train(log, tmp_path / seed, "--seed", seed, "--test-share", "0.5")
        tested = tuple(report["data"]["test_groups"])
        assert tested == share(read_dataset([log]), ["label"], test_share=0.5, seed=int(seed)).test_groups
        assert len(tested) == 4
        found.add(tested)
    assert len(found) > 1
    assert len(train(log, tmp_path / "few", "--test-share", "0.1")["data"]["test_groups"]) == 1


def test_split_in_time(tmp_path: Path) -> None:
    log = write_log(tmp_path / "one.csv", subjects="a", seconds=20)
    # one recording per class, each cut in five
    lines = log.read_text().splitlines()
    for name in ("rest", "walk", "shake"):
        path = tmp_path / "logs" / name / "log.csv"
        path.parent.mkdir(parents=True)
        kept = [line for line in lines[2:] if f",{name}," in line]
        path.write_text("\n".join([*lines[:2], *kept]) + "\n")
    report = train(tmp_path / "logs", tmp_path / "toy", "--split", "time")
    assert report["data"]["groups"] == [f"part {i}" for i in range(1, 6)]
    assert any("split in time" in note and "optimistic" in note for note in report["notes"])
    assert {c["name"] for c in report["classifiers"][0]["classes"]} == {"rest", "walk", "shake"}
    assert len({r["group"] for r in report["data"]["recordings"] if r["test"]}) == len(
        report["data"]["test_groups"]
    )


def test_labels_by_folder_and_glob(tmp_path: Path) -> None:
    log = write_log(tmp_path / "one.csv", subjects="abc", seconds=5)
    lines = log.read_text().splitlines()
    for k, name in enumerate(("rest", "walk", "shake")):
        for subject in "abc":
            body = [",".join(x.split(",")[:3]) for x in lines[2:] if x.endswith(f",{name},{subject}")]
            text = "\n".join([lines[0], "acc_x[mg],acc_y[mg],acc_z[mg]", *body]) + "\n"
            for path in (tmp_path / "folders" / f"{k}_{name}", tmp_path / "flat"):
                path.mkdir(parents=True, exist_ok=True)
                (path / f"{name}_{subject}.csv").write_text(text)
    by_folder = train(tmp_path / "folders", tmp_path / "out1", "--group-path", r"_([abc])\.csv")
    globs = [w for name in ("rest", "walk", "shake") for w in ("--label", f"{name}={name}_*.csv")]
    by_glob = train(tmp_path / "flat", tmp_path / "out2", "--group-path", r"_([abc])\.csv", *globs)
    for report in (by_folder, by_glob):
        assert {c["name"] for c in report["classifiers"][0]["classes"]} == {"rest", "walk", "shake"}
        assert sorted(report["data"]["groups"]) == ["a", "b", "c"]


def test_window_auto(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=12)
    words = ("--device", "LSM6DSOX", "--max-features", "1", "--sensors", "acc")
    result = call("train", log, "--target", "mlc", "--out", tmp_path / "toy", *words)
    assert result.code == 0, result.err
    report = json.loads((tmp_path / "toy" / "report.json").read_text())
    tried = report["choices"]["window"]
    assert len(tried) > 1
    assert [w["window"] for w in tried if w["chosen"]] == [report["settings"]["window"]]
    assert all(8 <= w["window"] <= 255 for w in tried)


def test_resampling_is_said(log: Path, tmp_path: Path) -> None:
    result = call(
        *("train", log, "--target", "mlc", "--device", "LSM6DSV16X", "--out", tmp_path / "toy", *QUICK)
    )
    assert result.code == 0
    assert "resampled from 52 Hz to 60 Hz" in " ".join(result.out.split())
    report = json.loads((tmp_path / "toy" / "report.json").read_text())
    assert any("resampled from 52 Hz to 60 Hz" in note for note in report["notes"])


def test_training_again(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "toy"
    two = write_log(tmp_path / "two.csv", more=True, seconds=4)
    train(two, out, "--tree", "a=label", "--tree", "b=moving", name="first")
    (out / "notes.txt").write_text("mine")
    (out / "first.txt").write_text("mine too")
    train(log, out, said=f"note: replaced the mlc result in {out} (first, LSM6DSOX)\n")
    assert sorted(snapshot(out)) == sorted([*NAMES, "first.txt", "notes.txt"])
    assert (out / "notes.txt").read_text() == "mine"
    good(call("validate", out, log))


@pytest.mark.parametrize("part", PARTS)
def test_own_settings_file_gives_the_same_registers(part: str, log: Path, tmp_path: Path) -> None:
    out = tmp_path / "toy"
    train(log, out, "--device", part, "--end-counters", "2")
    made = tmp_path / "made"
    result = call("generate", out / "mlc_settings.json", "--type", "config", "--out", made)
    assert result.code == 0, result.err
    assert result.err == ""
    (file,) = made.glob("*.ucf")
    assert read_register_file(file).ops
    ours, theirs = read_register_file(out / "toy.ucf"), read_register_file(file)
    strip = [
        (type(op).__name__, getattr(op, "register", None), getattr(op, "value", None)) for op in ours.ops
    ]
    again = [
        (type(op).__name__, getattr(op, "register", None), getattr(op, "value", None)) for op in theirs.ops
    ]
    assert again == strip


def test_own_feature_table(log: Path, trained: Path, tmp_path: Path) -> None:
    """The ARFF holds every labelled window, to the bit what the simulator computes."""
    table = read_arff(trained / "features.arff")
    good(call("simulate", trained, log, "--out", tmp_path / "t.csv"))
    trace = rows(tmp_path / "t.csv")
    names = [name for name in trace[0] if name.startswith("F")]
    truth = [label for r in read_log(log) for label in r.window_labels(26)]
    kept = [(row, label) for row, label in zip(trace, truth, strict=True) if label is not None]
    assert len(table.labels) == len(kept) > 100
    assert list(table.labels) == [label for _, label in kept]
    assert list(table.features) == names
    values = np.array([[float(row[name]) for name in names] for row, _ in kept])
    # the text has as many digits as ST's tools print; the half nearest to it is the value
    back = np.vectorize(half.nearest)(np.asarray(table.values, np.float64))
    assert np.array_equal(back, np.vectorize(half.nearest)(values))


def test_the_folder_is_called_after_log_and_target(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logs = tmp_path / "walks"
    logs.mkdir()
    (logs / "one.csv").write_bytes(log.read_bytes())
    words = ("--target", "mlc", "--device", "LSM6DSOX", *QUICK)
    # a folder of logs is not in the way of its own result
    said = good(call("train", "walks", *words))
    assert "walks_mlc: report.html" in said
    assert "next: sensorai validate walks_mlc LOG..." in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["walks", "walks_mlc"]
    assert (tmp_path / "walks_mlc" / "walks.json").is_file()
    assert [path.name for path in logs.iterdir()] == ["one.csv"]
    good(call("train", "walks/one.csv", *words, "--name", "gait", "-q"))
    assert (tmp_path / "gait_mlc" / "gait.json").is_file()
    # an experiment in a folder of results goes back there, another one beside the logs it is run from
    (tmp_path / "walks_mlc" / "walks.json").write_text("lost")
    good(call("train", "walks_mlc/sensorai.toml", "-q"))
    assert (tmp_path / "walks_mlc" / "walks.json").read_text() != "lost"
    text = (tmp_path / "walks_mlc" / "sensorai.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("../", ""))
    good(call("train", "mine.toml", "--name", "mine", "-q"))
    assert (tmp_path / "mine_mlc" / "mine.json").is_file()


def test_the_five_that_matter_first_stand_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    said = good(call("train", "--help"))
    lines = [line.strip("│╭╰ ─╮╯") for line in said.splitlines()]
    assert "sensorai train har.csv --target mlc" in lines
    order = [name for line in lines for name in re.findall(r"^(--[a-z-]+)", line)]
    assert order[:5] == ["--target", "--device", "--model", "--task", "--out"]
    panels = [line for line in lines if line in SECTIONS.values()]
    assert panels == [
        SECTIONS[s]
        for s in ("data", "split", "target", "model", "trees", "code", "anomaly", "output", "work")
    ]
    assert max(map(len, said.splitlines())) <= 100
