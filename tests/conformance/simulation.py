"""Section 6: ST's published configurations on their own datalogs, against the table of the facts.

Every line of ``mlc-simulation.md`` section 12 is looked up by example, device and logs, simulated from the
register file, and compared in all its numbers: windows, right windows of the tree and after the
meta-classifier, and the most common wrong class with its count.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sensorai.errors import SensoraiError
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.decode import decode
from sensorai.mlc.devices import device
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.simulate import Trace, simulate
from tests.conformance.features import EXAMPLES, NEW, OLD, kept_files, recording

#: Tutorial examples by the name of the table: register file, folder of the logs.
TUTORIAL_FILES = {
    "tut:_example_0": (f"{EXAMPLES}/example_0_profi_unico_weka/4_LSM6DSOX_configuration.ucf", ""),
    "tut:_example_1": (
        f"{EXAMPLES}/example_1_sensortilebox_stble_unico/4_ucf/lsm6dsox_yoga_pose_recognition.ucf",
        "",
    ),
    "tut:_example_4": (
        f"{EXAMPLES}/example_4_stwin_stble_unico/4_mlc_configuration_file/configuration_file.ucf",
        "",
    ),
    "tut:_example_5": (f"{EXAMPLES}/example_5_profi_unico/4_ucf/MLC_configuration.ucf", ""),
    "tut:_example_8_data": (f"{EXAMPLES}/example_8_stedgeai/output/har_tutorial.ucf", "/data/"),
    "tut:_example_8_data_validate": (
        f"{EXAMPLES}/example_8_stedgeai/output/har_tutorial.ucf",
        "/data_validate/",
    ),
}


#: Class names that stand in the README and not in the register file, as codes.
README_CLASSES = {"stationary - upright": 0, "stationary - not upright": 4, "in motion": 8, "shaken": 12}
#: Logs that two devices spell differently.
SPELLINGS = {"bipces": "biceps"}
#: What the ST BLE reader says when the first row stands on the cut header line.
CUT = "the first row stands on its line"


@dataclass(frozen=True)
class Expected:
    """One device of one line of the table."""

    example: str
    device: str
    old_only: bool
    logs: str
    expected: str
    windows: int
    right: int
    decided: int
    wrong: str


@dataclass(frozen=True)
class Found:
    """What the simulator says for the same line."""

    windows: int
    right: int
    decided: int
    wrong: str
    problem: str = ""


def expected(shared: Path) -> Iterator[Expected]:
    """Lines of the table in the facts, a device each."""
    text = (shared / "facts" / "mlc-simulation.md").read_text()
    for line in text[text.index("## 12. Table") :].splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) != 8 or not cells[4].isdigit():
            continue
        for name in cells[1].split(","):
            plain = name.strip()
            yield Expected(
                cells[0], plain.rstrip("*"), plain.endswith("*"), cells[2], cells[3], int(cells[4]),
                int(cells[5].split()[0]), int(cells[6].split()[0]), cells[7],
            )  # fmt: skip


def squeezed(text: str) -> str:
    """Letters and digits only, lower case."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@functools.cache
def register_files(root: Path) -> tuple[str, ...]:
    """Paths of every register file of the examples, dropped copies among them."""
    present = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.suffix in (".json", ".ucf")]
    dropped = [p for p in kept_files(root) if p.endswith((".json", ".ucf"))]
    return tuple(sorted([*present, *dropped]))


@functools.cache
def logs_below(root: Path, folder: str) -> tuple[str, ...]:
    """Logs in a folder of the source repository, dropped copies among them."""
    everything = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.suffix in (".csv", ".txt")]
    return tuple(sorted(p for p in [*everything, *kept_files(root)] if p.startswith(folder + "/")))


def find(root: Path, line: Expected) -> tuple[str, list[str]]:
    """Register file and logs of a line; paths of the source repositories."""
    if line.example in TUTORIAL_FILES:
        file, part = TUTORIAL_FILES[line.example]
        top = "/".join(file.split("/")[:3])
        logs = [p for p in logs_below(root, top) if part in p]
        if "log_0" in line.logs:
            logs = [p for p in logs if line.expected in p]
        else:
            wanted = [squeezed(n) for n in line.logs.split(",")]
            logs = [p for p in logs if squeezed(re.sub(r"^.*/|\.\w+$", "", p)) in wanted]
        return file, logs
    application = squeezed(re.sub(r",_tree_\d|_\((left|right)\)", "", line.example))
    variant = next((v for v in ("left", "right") if f"({v})" in line.example), "")
    application = {"asm330lhhxtowdetection": "towdetection"}.get(application, application)
    start = f"{OLD}/application_examples/{line.device}/" if line.old_only else f"{NEW}/examples/"
    for file in register_files(root):
        if not file.startswith(start) or line.device not in file or variant not in PurePosixPath(file).name:
            continue
        if application not in squeezed(file) or (not line.old_only and f"/{line.device}/" not in file):
            continue
        folder = "/".join(file.split("/")[:4])
        wanted = [squeezed(n) for n in line.logs.split(",")]
        wanted += [SPELLINGS[n] for n in wanted if n in SPELLINGS]
        logs = [p for p in logs_below(root, folder) if squeezed(PurePosixPath(p).stem) in wanted]
        if logs:
            return file, logs
    return "", []


@functools.cache
def configuration(root: Path, file: str) -> MlcConfig:
    """Decode a register file, or the kept copy of it."""
    return decode(read_register_file(root / kept_files(root).get(file, file))).config


@functools.cache
def trace(root: Path, file: str, log: str, whole: bool) -> Trace:
    """Run one log with the numeric style of the table: truncated input on generations A and A2.

    ``whole`` False leaves out a first row that stands on a cut header line.
    """
    config = configuration(root, file)
    style = "unico-c" if device(config.device).generation in ("A", "A2") else "current"
    samples = recording(root, log)
    if not whole and is_cut(root, log):
        samples = samples.slice(1, len(samples))
    return simulate(config, samples, style=style, rate="as-is")


def is_cut(root: Path, log: str) -> bool:
    """Whether the header of a log is cut off, so that the first row stands on its line."""
    return any(CUT in note for note in recording(root, log).notes)


def code_of(config: MlcConfig, tree: int, name: str) -> int:
    """Result code that the table calls ``name``."""
    labels = config.trees[tree].labels
    codes = set(labels) or set(config.trees[tree].tree.leaves)
    if name in README_CLASSES and not any(label != str(c) for c, label in labels.items()):
        return README_CLASSES[name]
    exact = [c for c in codes if squeezed(labels.get(c, str(c))) == squeezed(name)]
    near = [c for c in codes if squeezed(labels.get(c, str(c))).startswith(squeezed(name))]
    return (exact or near or [int(name) if name.isdigit() else -1])[0]


def found(root: Path, line: Expected, whole: bool) -> Found:
    """Simulate one line."""
    file, logs = find(root, line)
    if not logs:
        return Found(0, 0, 0, "", "no register file or logs in the shared folder")
    try:
        config = configuration(root, file)
        match = re.search(r"_tree_(\d)", line.example)
        tree = int(match[1]) - 1 if match else 0
        code = code_of(config, tree, line.expected)
        windows = right = decided = 0
        wrong: Counter[int] = Counter()
        for log in logs:
            t = trace(root, file, log, whole)
            results = t.tree[:, tree].tolist()
            windows += len(results)
            right += results.count(code)
            decided += t.decided[:, tree].tolist().count(code)
            wrong.update(c for c in results if c != code)
    except SensoraiError as error:
        return Found(0, 0, 0, "", str(error).splitlines()[0])
    common = "-"
    if wrong:
        worst, count = wrong.most_common(1)[0]
        common = f"{config.trees[tree].labels.get(worst, str(worst))} ({count})"
    return Found(windows, right, decided, common)


def rows(shared: Path) -> list[tuple[Expected, Found, Found]]:
    """Every line of the table, what the simulator says, and what it says without rows on cut headers.

    The table was made with a reader that lost the first row of logs whose header line is cut off. That
    row is a sample like any other (time 0, then 10, 19 ...), so our reader keeps it; the windows then
    start one sample earlier.
    """
    root = shared / "data" / "mlc-reference"
    return [(line, found(root, line, True), found(root, line, False)) for line in expected(shared)]


def equal(line: Expected, got: Found) -> bool:
    """All numbers equal; the wrong class by its count (names are shortened in the table)."""

    def count(text: str) -> str:
        match = re.search(r"\((\d+)\)", text)
        return match[1] if match else "-"

    same = (line.windows, line.right, line.decided) == (got.windows, got.right, got.decided)
    return same and count(line.wrong) == count(got.wrong)


def print_table(shared: Path) -> bool:
    """Print the table; True when every line of the facts is reproduced."""
    lines = rows(shared)
    print(f"{'example':34s} {'device':12s} {'class':24s} {'windows':>7s} {'tree':>6s} {'meta':>6s}  wrong")
    plain = cut = bad = 0
    for line, got, without in lines:
        remark = ""
        if equal(line, got):
            plain += 1
        elif equal(line, without):
            cut += 1
            remark = (
                f"  = facts ({line.windows} {line.right} {line.decided}) without the row on the cut header"
            )
        else:
            bad += 1
            remark = f"  <-- facts: {line.windows} {line.right} {line.decided} {line.wrong} {got.problem}"
        print(
            f"{line.example[:34]:34s} {line.device[:12]:12s} {line.expected[:24]:24s} {got.windows:7d} "
            f"{got.right:6d} {got.decided:6d}  {got.wrong}{remark}"
        )
    print(
        f"{plain + cut} of {len(lines)} lines equal; for {cut} of them the table was made without the row "
        "that stands on a cut header line (a sample like any other: the table is wrong there)"
    )
    return bad == 0
