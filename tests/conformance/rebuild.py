"""Section 4: configurations rebuilt from settings files, or feature names, and tree text.

Never from the bytes to be reached, but for what the inputs do not hold: the write style (which stands for
the tool's version), the codes of classes (taken from the published labels), and the three end counters
of example_1, which its README leaves to the user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from sensorai.mlc import half
from sensorai.mlc.config import DecisionTree, MlcConfig, SensorSetting
from sensorai.mlc.decode import decode
from sensorai.mlc.encode import default_layout, encode
from sensorai.mlc.generate import register_file
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.settings import read_settings
from sensorai.regfile import RegisterFile
from tests.conformance import trees
from tests.conformance.features import Example, configuration, examples

#: Parts of a configuration, in the order of the columns.
PARTS = ("pages", "trees", "writes", "labels", "identifiers")


@dataclass(frozen=True)
class Case:
    """What the README or the session file says: write style, rates in Hz, scale in g, end counters."""

    pair: str
    style: str
    rate: float = 0.0
    counters: tuple[int, ...] = ()
    #: Names of features where there is no feature table.
    names: tuple[str, ...] = ()
    #: Sensitivity of the magnetometer in gauss per LSB.
    sensitivity: float | None = None
    settings: str = ""


CASES = (
    Case("tutorial 4, HAR", "2.3", settings=f"{trees.HAR}/mlc_settings.json"),
    Case("example_8", "block", settings=f"{trees.EXAMPLES}/example_8_stedgeai/mlc_conf.json"),
    Case("example_0, tree", "block-9.10", 26.0),
    Case("example_1", "byte", 104.0, (0, 4, 8, 12)),
    Case("example_4", "block-9.10", 104.0),
    Case("example_5", "block-9.10", 26.0, sensitivity=0.0015),
    Case("tilt tool, mode 0", "block", 52.0, names=("F1_MEAN_on_ACC_X",)),
    Case("tilt tool, mode 1", "block", 52.0, names=("F1_MEAN_on_ACC_Z",)),
)


def rebuilt(root: Path, case: Case, pair: trees.Pair) -> RegisterFile:
    """Build the configuration of one case."""
    if case.settings:
        return register_file(read_settings(root / case.settings), case.style)[0]
    tree, _ = trees.read(root, pair)
    if case.names:
        example = Example(case.pair, "", "LSM6DSOX", 1, "", ())
        config = configuration(example, case.names)
    else:
        short = {"example_0, tree": "ex0", "example_1": "ex1", "example_4": "ex4", "example_5": "ex5"}[
            case.pair
        ]
        example = next(e for e in examples(root) if e.name == short)
        config = configuration(example, _attributes(root / example.arff))
    used = {f.source.sensor for f in config.features}
    published = decode(read_register_file(root / pair.registers)).config
    counters = case.counters or (0,) * len(published.trees[0].end_counters)
    config = replace(
        config,
        inputs=tuple(slot for slot in config.inputs if slot == "acc" or slot in used),
        mlc_rate_hz=case.rate,
        settings={"acc": SensorSetting(case.rate, 2.0)},
        trees=(DecisionTree(tree.tree, counters, published.trees[0].labels),),
        third_sensor=None,
    )
    return _encoded(config, case)


def _encoded(config: MlcConfig, case: Case) -> RegisterFile:
    layout = default_layout(config, case.style)
    if case.sensitivity is not None:
        layout = replace(layout, sensitivity=half.nearest(case.sensitivity))
    return encode(config, layout=layout)


def _attributes(path: Path) -> tuple[str, ...]:
    lines = path.read_text().splitlines()
    return tuple(t.split()[1] for t in lines if t.startswith("@attribute") and t.endswith("numeric"))


def _labels(registers: RegisterFile) -> list[tuple[str, tuple[tuple[int, str], ...]]]:
    """Return result registers and classes; UCF names the output ``DT1``, JSON ``Categorical output``."""
    return [(o.register_name, o.results) for o in registers.outputs]


Row = tuple[str, str, int, dict[str, bool | None]]


def rows(shared: Path) -> list[Row]:
    """Name, device, MLC bytes, and which parts are equal (None: the published file does not have it)."""
    root = shared / "data" / "mlc-reference"
    pairs = {p.name: p for p in trees.PAIRS}
    out: list[Row] = []
    for case in CASES:
        theirs = read_register_file(root / pairs[case.pair].registers)
        ours = rebuilt(root, case, pairs[case.pair])
        a, b = decode(ours), decode(theirs)
        in_tree = [at for at in b.pages if at >= b.places.tree]
        parts: dict[str, bool | None] = {
            "pages": a.pages == b.pages and a.tree_ram == b.tree_ram,
            "trees": [a.pages.get(at) for at in in_tree] == [b.pages[at] for at in in_tree]
            and a.tree_ram == b.tree_ram,
            "writes": ours.ops == theirs.ops,
            "labels": _labels(ours) == _labels(theirs) if theirs.outputs else None,
            "identifiers": ours.identifiers == theirs.identifiers if theirs.identifiers else None,
        }
        out.append((case.pair, b.config.device, b.mlc_bytes, parts))
    return out


def print_table(shared: Path) -> bool:
    """Print one line per configuration; True when every part that exists is equal."""
    table = rows(shared)
    print(f"{'rebuilt':20s} {'device':12s} {'bytes':>6s}  " + "".join(f"{p:12s}" for p in PARTS))
    show = {True: "equal", False: "DIFFERENT", None: "-"}
    for name, device, count, parts in table:
        print(f"{name:20s} {device:12s} {count:6d}  " + "".join(f"{show[parts[p]]:12s}" for p in PARTS))
    for p in PARTS:
        have = [parts[p] for *_, parts in table if parts[p] is not None]
        print(f"{p}: {sum(map(bool, have))} of {len(have)} equal")
    print("(writes: the whole list of register writes; -: the published file has no such part)")
    return all(equal is not False for *_, parts in table for equal in parts.values())
