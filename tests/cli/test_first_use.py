"""What people meet who have logs, ST's files, and no manual at hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sensorai.experiment import Experiment
from sensorai.run import name_of
from tests.cli.call import call, refused, unchanged
from tests.cli.conftest import QUICK
from tests.cli.logs import signal, write_log
from tests.need import need


def st_logs(folder: Path, rate: float = 52.0, seconds: float = 40.0) -> Path:
    """ST's layout: one folder, a file a class, no time and no rate."""
    folder.mkdir(parents=True)
    for seed, kind in enumerate(("rest", "walk", "shake")):
        rows = signal(kind, round(seconds * rate), rate, seed)[:, :3]
        lines = ["acc_x[mg],acc_y[mg],acc_z[mg]", *(",".join(f"{v:.1f}" for v in row) for row in rows)]
        (folder / f"{kind}.csv").write_text("\n".join(lines) + "\n")
    return folder


def without_names(trained: Path, path: Path) -> Path:
    """The registers of a result as a UCF that names no class, as many of ST's."""
    text = (trained / "toy.ucf").read_text()
    kept = [line for line in text.splitlines() if "<MLC" not in line]
    assert len(kept) < len(text.splitlines())
    path.write_text("\n".join(kept) + "\n")
    return path


# ---------------------------------------------------------------- logs


def test_the_layout_of_st_asks_for_the_rate_alone(tmp_path: Path, trained: Path) -> None:
    logs = st_logs(tmp_path / "datalogs")
    train = ("train", logs, "--target", "mlc", "--device", "LSM6DSOX", "--out", tmp_path / "out", *QUICK)
    refused(
        call(*train), "do not say their rate", "--log-rate HZ", "LSM6DSOX takes samples at", "52", "104 Hz"
    )
    shutil.copy(trained / "toy.ucf", tmp_path / "toy.ucf")
    refused(call(*train), "toy.ucf beside the logs takes samples at 52 Hz: --log-rate 52")
    result = call(*train, "--log-rate", "52", "--split", "time")
    assert (result.code, result.err) == (0, ""), result.err
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [c["name"] for c in report["classifiers"][0]["classes"]] == ["rest", "shake", "walk"]


@pytest.mark.parametrize("target", ["ispu", "stm32"])
def test_the_rate_is_asked_for_in_c_too(target: str, tmp_path: Path) -> None:
    logs = st_logs(tmp_path / "datalogs", seconds=4)
    message = refused(call("train", logs, "--target", target, "--out", tmp_path / "out"), "--log-rate HZ")
    assert ("takes samples at" in message) == (target == "ispu")


def test_logs_at_a_told_rate_are_noted_once(tmp_path: Path) -> None:
    logs = st_logs(tmp_path / "datalogs")
    words = ("--device", "LSM6DSOX", "--rate", "52", "--split", "time", "--out", tmp_path / "out", *QUICK)
    result = call("train", logs, "--target", "mlc", *words)
    assert result.code == 0, result.err
    assert " ".join(result.out.split()).count("does not say its rate; taken as 52 Hz") == 1


def test_an_index_beside_logs_is_said_once(tmp_path: Path) -> None:
    logs = st_logs(tmp_path / "datalogs")
    (logs / "index.csv").write_text("file,subject,label\nrest.csv,1,rest\n")
    words = ("--device", "LSM6DSOX", "--log-rate", "52", "--split", "time", "--out", tmp_path / "out", *QUICK)
    result = call("train", logs, "--target", "mlc", *words)
    assert result.code == 0, result.err
    assert " ".join(result.out.split()).count("skipped, as without any motion column: index.csv") == 1
    assert "index.csv" in call("inspect", logs).out


@pytest.mark.parametrize("target", ["mlc", "ispu", "stm32"])
def test_units_are_asked_for_with_those_that_fit(target: str, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", seconds=4, gyro=True, scale=0.00980665)
    text = log.read_text().replace("[mg]", "").replace("[dps]", "")
    log.write_text(text)
    told = call("train", log, "--target", target, "--out", tmp_path / "out")
    refused(told, "no unit for acc and gyro", "say it with --unit acc=m/s2 --unit gyro=")


def test_another_result_that_is_replaced_is_said(tmp_path: Path, log: Path) -> None:
    def train(target: str, *words: str) -> str:
        words = ("--target", target, "--out", str(tmp_path / "out"), "--name", "toy", *QUICK, *words)
        result = call("train", log, *words)
        assert result.code == 0, result.err
        return result.err

    said = f"note: replaced the mlc result in {tmp_path / 'out'} (toy, LSM6DSOX)\n"
    assert train("mlc", "--device", "LSM6DSOX") == ""
    assert train("mlc", "--device", "LSM6DSOX") == ""
    assert train("mlc", "--device", "LSM6DSV16X") == said
    assert train("mlc", "--device", "LSM6DSOX", "--quiet") == ""


def test_a_result_is_not_called_after_a_folder_of_any_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("gym/datalogs", "gym/data/csv", "data/logs", "squats/st_walk"):
        (tmp_path / place).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "gym")

    def name(*logs: str | Path) -> str:
        return name_of(Experiment(logs=tuple(map(str, logs))))

    assert name(tmp_path / "gym/datalogs") == "gym"
    assert name(tmp_path / "gym/data/csv") == "gym"
    assert name("../gym/data/csv/") == "gym"
    assert name("../gym/datalogs/a.csv", "../gym/datalogs/b.csv") == "gym"
    assert name(tmp_path / "squats/st_walk") == "st_walk"
    assert name("datalogs/har.csv") == "har"
    # where a program runs says nothing of its logs
    assert name("datalogs") == name("./datalogs/") == name("data/../datalogs") == "datalogs"
    assert name("../data/logs") == "logs"


def test_inspect_of_many_is_a_screen(tmp_path: Path) -> None:
    for i in range(30):
        rate = 26 if i == 7 else 52
        write_log(tmp_path / "logs" / f"walk_{i}.csv", ["walk"], subjects=f"s{i % 3}", rate=rate, seconds=3)
    result = call("inspect", tmp_path / "logs")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert len(lines) < 20
    assert lines[0].startswith("60 recordings, 3.0 min, 52 Hz, 26 Hz, plain; 4 groups of")
    assert "odd: walk_7: 26 Hz, not 52" in result.out
    assert " walk " in result.out
    whole = call("inspect", tmp_path / "logs", "--all").out
    assert whole.count("walk_") == 60
    assert len(json.loads(call("inspect", tmp_path / "logs", "--json").out)) == 60


# ---------------------------------------------------------------- classes of register files


def test_codes_are_classes(tmp_path: Path, trained: Path, log: Path) -> None:
    registers = without_names(trained, tmp_path / "st.ucf")
    with unchanged(tmp_path):
        refused(
            call("validate", registers, log, "--device", "LSM6DSOX", "--all"),
            "no class of tree1 is called 'rest', 'walk', 'shake'",
            "its codes are 1, 4, 8: name them with --class CODE=NAME, as in --class 1=NAME",
            "with --map LABEL=CLASS, or",
        )
    names = ("--class", "1=rest", "--class", "4=walk", "--class", "8=shake")
    numbers = ("--map", "rest=1", "--map", "walk=4", "--map", "shake=8")
    for told, classes in ((names, ["rest", "walk", "shake"]), (numbers, ["1", "4", "8"])):
        result = call("validate", registers, log, "--device", "LSM6DSOX", "--json", *told)
        assert result.code == 0, result.err
        tree = json.loads(result.out)["classifiers"][0]
        assert [c["name"] for c in tree["classes"]] == classes
        assert tree["held_out"]["answer"]["accuracy"] > 0.9
    simulated = call("simulate", registers, log, "--device", "LSM6DSOX", "--json", *names[:2])
    results = {name for r in json.loads(simulated.out) for name in r["classifiers"][0]["windows_by_result"]}
    assert "rest" in results
    assert "4" in results


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        ("4", ["--class '4' is not NAME=VALUE", "--class 4=walking"]),
        ("walk=4", ["'walk' is no result code", "--class 4=walking"]),
        ("5=walk", ["no tree gives the code 5", "codes of tree 1: 1 (rest), 4 (walk), 8 (shake)"]),
        ("3:4=walk", ["there is no tree 3"]),
        ("0:4=walk", ["there is no tree 0"]),
        ("4=rest", ["two codes of a tree are called 'rest'"]),
    ],
)
def test_classes_that_cannot_be(told: str, parts: list[str], trained: Path, log: Path) -> None:
    for verb in ("validate", "simulate"):
        refused(call(verb, trained, log, "--class", told), *parts)


def test_an_unmapped_label_is_no_zero(tmp_path: Path, trained: Path) -> None:
    log = write_log(tmp_path / "log.csv", ["Rest", "walk", "jump"])
    refused(call("validate", trained, log), "no class of tree1 is called 'jump'", "--map LABEL=-")
    typo = write_log(tmp_path / "typo.csv", ["rest", "walc"])
    refused(call("validate", trained, typo), "called 'walc'", "as in --map walc=walk, or")
    result = call("validate", trained, log, "--map", "jump=-", "--all", "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert "label 'Rest' is taken as class 'rest'" in report["notes"]
    windows = sum(map(sum, report["classifiers"][0]["held_out"]["answer"]["confusion"]))
    assert windows == 2 * 4 * (8 * 52 // 26)


@pytest.mark.parametrize(
    ("told", "parts"),
    [
        (
            "foo=bar",
            ["--map foo=bar: no log has the label 'foo'", "the labels of the logs are rest, walk, sha"],
        ),
        ("wakl=walk", ["no log has the label 'wakl'", "did you mean 'walk'?"]),
        ("foo=-", ["no log has the label 'foo'"]),
        ("walk=bar", ["--map walk=bar: the model has no class 'bar'", "its classes are rest, walk, shake"]),
        ("walk=shaek", ["the model has no class 'shaek'", "did you mean 'shake'?", "--map walk=- leaves"]),
    ],
)
def test_a_map_that_hits_nothing(
    told: str, parts: list[str], tmp_path: Path, trained: Path, log: Path
) -> None:
    with unchanged(tmp_path):
        refused(call("validate", trained, log, "--map", told), *parts)


def test_classes_of_the_model_name_files(tmp_path: Path, trained: Path) -> None:
    logs = st_logs(tmp_path / "datalogs", seconds=8)
    for kind in ("rest", "walk", "shake"):
        (logs / f"{kind}.csv").rename(logs / f"eve_{kind.upper()}_1.csv")
    result = call("validate", trained, logs, "--log-rate", "52")
    assert result.code == 0, result.err
    assert "classes by file name: rest (1 log), shake (1 log), walk (1 log)" in result.out


# ---------------------------------------------------------------- the wrong thing


def test_swapped_arguments(tmp_path: Path, trained: Path, log: Path) -> None:
    for verb in ("simulate", "validate"):
        for artifact in (trained, trained / "toy.json"):
            for given in (log, log.parent):
                message = refused(call(verb, given, artifact), f"the arguments of '{verb}' are swapped")
                assert f"hint:  sensorai {verb} {artifact} {given}" in message


@pytest.mark.parametrize(
    "verb", ["decode", "knowledge", "build", "features", "simulate", "validate", "encode"]
)
@pytest.mark.parametrize("what", ["logs", "log", "empty", "report"])
def test_the_wrong_kind_is_named(verb: str, what: str, tmp_path: Path, trained: Path, log: Path) -> None:
    (tmp_path / "empty").mkdir()
    path, words, advice = {
        "logs": (log.parent, "is a folder of logs (1 file)", "sensorai inspect"),
        "log": (log, "is a log", "sensorai inspect"),
        "empty": (tmp_path / "empty", "is an empty folder", ""),
        "report": (trained / "report.json", "is a report of sensorai", "give its folder"),
    }[what]
    more = {"features": ("--out", tmp_path / "f.csv"), "encode": ("--out", tmp_path / "f.ucf")}.get(verb, ())
    logs = (log,) if verb in ("simulate", "validate") else ()
    with unchanged(tmp_path):
        message = refused(call(verb, path, *logs, *more), words, f"'{verb}' takes", advice, str(path))
    assert "train again" not in message


def test_a_result_of_another_target(tmp_path: Path, trained: Path) -> None:
    refused(call("knowledge", trained), "toy is an MLC result; 'knowledge' takes saved knowledge of a device")
    refused(call("build", trained), "toy is an MLC result; 'build' takes an ISPU project")
    refused(
        call("generate", trained, "--type", "config"), "toy is an MLC result; 'generate' takes a settings"
    )
    refused(call("features", trained, "--out", tmp_path / "f.csv"), "logs", "missing", "LOG... --out")
    refused(call("decode", trained.parent), "is a folder that holds results", f"give one of them: {trained}")


def test_no_log(trained: Path) -> None:
    refused(call("inspect", trained), "toy is an MLC result, not a log", f"sensorai decode {trained}")
    refused(call("simulate", trained, trained / "toy.ucf"), "toy.ucf is an MLC register file, not a log")


def test_a_damaged_file_keeps_its_own_message(tmp_path: Path, trained: Path) -> None:
    damaged = tmp_path / "toy.ucf"
    damaged.write_text((trained / "toy.ucf").read_text().replace("Ac 01 80", "Ac 01 8", 1))
    refused(call("decode", damaged), "toy.ucf:")
    refused(call("decode", tmp_path / "none.ucf"), "No such file")


def test_options_that_mean_nothing_for_a_project_are_refused(tmp_path: Path, log: Path) -> None:
    need("gcc", "arm-none-eabi-gcc", "unicorn")
    out = tmp_path / "toy"
    words = ("--model", "tree", "--window", "26", "--sensors", "acc", "--out", out)
    result = call("train", log, "--target", "stm32", *words)
    assert result.code == 0, result.err
    for option, value in (("--device", "cortex-m4"), ("--style", "unico")):
        refused(
            call("validate", out, log, option, value), f"{option}: only for register files", f"drop {option}"
        )
    refused(call("simulate", out, log, "--class", "1=a", "--style", "unico"), "--style and --class")
    refused(
        call("decode", out),
        "toy is a C project for a Cortex-M; 'decode' takes",
        f"sensorai simulate {out} LOG",
    )
    strange = write_log(tmp_path / "log.csv", ["rest", "jump"])
    refused(call("validate", out, strange), "is called 'jump'", "0 (rest), ")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["trian", "x"], ["there is no command 'trian'", "did you mean train?"]),
        (["train", "x", "--taget", "mlc"], ["there is no option --taget", "did you mean --target?"]),
        (["train", "x"], ["--target is missing: one of mlc, ispu, stm32"]),
        (["decode", "x", "--as", "txt"], ["--as 'txt' is none of text, json, tree", "did you mean text?"]),
        (["validate", "x", "y", "--on", "hots"], ["--on 'hots' is none of host, emulator", "mean host?"]),
        (["train", "x", "--target", "mlc", "--rate", "fast"], ["--rate: ", "number"]),
    ],
)
def test_mistyped(words: list[str], parts: list[str]) -> None:
    message = refused(call(*words), *parts, "--help")
    assert "Value error" not in message
    assert "Target." not in message
