"""Section 4: every published tree text against the tree in the published configuration, node by node."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sensorai.importers import read_tree
from sensorai.mlc.arff import read_arff
from sensorai.mlc.decode import Decoded, decode
from sensorai.mlc.regfile import read_register_file
from sensorai.mlc.thresholds import Narrowing, narrow

OLD = "STMems_Machine_Learning_Core"
EXAMPLES = f"{OLD}/configuration_examples"
TILT = f"{OLD}/tools/mlc_tilt_angle_tool/lsm6dsox"
HAR = "st-mems-machine-learning-core/tutorials/4_decision_tree/workspace_har"


@dataclass(frozen=True)
class Pair:
    """A tree text and the configuration made from it; ``names`` where the text does not number features."""

    name: str
    text: str
    registers: str
    names: Mapping[str, int] | None = None


PAIRS = (
    *(
        Pair(
            f"example_0, {what}",
            f"{EXAMPLES}/example_0_profi_unico_weka/3_{file}.txt",
            f"{EXAMPLES}/example_0_profi_unico_weka/4_LSM6DSOX_configuration.ucf",
        )
        for what, file in (("tree", "Decision_Tree"), ("Weka console", "Weka_Classifier_J48"))
    ),
    Pair(
        "example_1",
        f"{EXAMPLES}/example_1_sensortilebox_stble_unico/3_decisiontree/ST_decision_tree.txt",
        f"{EXAMPLES}/example_1_sensortilebox_stble_unico/4_ucf/lsm6dsox_yoga_pose_recognition.ucf",
    ),
    Pair(
        "example_4",
        f"{EXAMPLES}/example_4_stwin_stble_unico/3_mlc_decision_tree/ST_decision_tree_20210128_144937_820.txt",
        f"{EXAMPLES}/example_4_stwin_stble_unico/4_mlc_configuration_file/configuration_file.ucf",
    ),
    Pair(
        "example_5",
        f"{EXAMPLES}/example_5_profi_unico/3_decisiontree/ST_decision_tree.txt",
        f"{EXAMPLES}/example_5_profi_unico/4_ucf/MLC_configuration.ucf",
    ),
    Pair(
        "example_8",
        f"{EXAMPLES}/example_8_stedgeai/output/har_dectree.txt",
        f"{EXAMPLES}/example_8_stedgeai/output/har_tutorial.ucf",
    ),
    Pair("tutorial 4, HAR", f"{HAR}/ST_decision_tree_20250707_161603_001.txt", f"{HAR}/mlc.json"),
    *(
        Pair(
            f"tilt tool, mode {mode}",
            f"{TILT}/{folder}/dectree.txt",
            f"{TILT}/{folder}/angle_detect.ucf",
            {axis: 0},
        )
        for mode, folder, axis in ((0, "Horizontal (Mode 0)", "accX"), (1, "Vertical (Mode 1)", "accZ"))
    ),
)


def read(root: Path, pair: Pair) -> tuple[Narrowing, Decoded]:
    """Return the text's tree with the codes of the published labels, and the published file decoded."""
    decoded = decode(read_register_file(root / pair.registers))
    codes = {label: code for code, label in decoded.config.trees[0].labels.items()}
    return narrow(read_tree(root / pair.text, pair.names).coded(codes)), decoded


Row = tuple[str, str, int, int, int, bool]


def rows(shared: Path) -> list[Row]:
    """Name, device, inner nodes, nodes equal, thresholds that move a decision, whole tree equal."""
    root = shared / "data" / "mlc-reference"
    out: list[Row] = []
    for pair in PAIRS:
        ours, decoded = read(root, pair)
        theirs = decoded.config.trees[0].tree.preorder()
        nodes = list(zip(ours.tree.rows(), theirs.rows(), strict=False))
        same = sum(a == b and str(a[1]) == str(b[1]) for a, b in nodes)  # the text of -0.0 differs from 0.0
        whole = ours.tree == theirs and len(decoded.config.trees) == 1
        out.append((pair.name, decoded.config.device, len(theirs), same, len(ours.moved), whole))
    return out


#: Feature tables and the trees that were learnt from them.
LEARNT = (
    (
        "example_0",
        f"{EXAMPLES}/example_0_profi_unico_weka/3_Decision_Tree.txt",
        f"{EXAMPLES}/example_0_profi_unico_weka/2_features.arff",
    ),
    (
        "example_1",
        PAIRS[2].text,
        f"{EXAMPLES}/example_1_sensortilebox_stble_unico/2_features/Yoga_Poses.arff",
    ),
    ("example_4", PAIRS[3].text, f"{EXAMPLES}/example_4_stwin_stble_unico/2_mlc_attributes/attributes.arff"),
    ("example_5", PAIRS[4].text, f"{EXAMPLES}/example_5_profi_unico/2_features/features.arff"),
    ("example_8", PAIRS[5].text, f"{EXAMPLES}/example_8_stedgeai/output/har_features.arff"),
    (
        "tutorial 4, HAR",
        PAIRS[6].text,
        "st-mems-machine-learning-core/tutorials/2_datalogs_and_automatic_feature_selection/workspace/features.arff",
    ),
    (
        "tree generator",
        f"{OLD}/tools/decision_tree_generator/python/dectree.txt",
        "st-mems-machine-learning-core/tools/decision_tree_generator/matlab/features.arff",
    ),
)

Learnt = tuple[str, int, int, int | None, int]


def learnt(shared: Path) -> list[Learnt]:
    """Name, rows, rows the narrowed tree gets right, the same as the text prints it, rows a half changes."""
    root = shared / "data" / "mlc-reference"
    out: list[Learnt] = []
    for name, text, arff in LEARNT:
        table = read_arff(root / arff)
        tree = narrow(read_tree(root / text, table.features))
        said = np.array(tree.text.classes)[tree.tree.predict(table.values)]
        printed = re.search(r"Correctly Classified Instances\s*: (\d+)", (root / text).read_text())
        right = int((said == np.array(table.labels)).sum())
        changed = len(tree.changed(table.values))
        out.append((name, len(said), right, int(printed[1]) if printed else None, changed))
    return out


def print_table(shared: Path) -> bool:
    """Print one line per tree text; True when every node of every tree is equal."""
    table, own = rows(shared), learnt(shared)
    print(f"{'tree text':26s} {'device':12s} {'nodes':>6s} {'equal':>6s} {'moved':>6s}")
    for name, device, nodes, same, moved, whole in table:
        print(f"{name:26s} {device:12s} {nodes:6d} {same:6d} {moved:6d}{'' if whole else '  <--'}")
    print(f"tree texts equal to the decoded tree, node by node: {sum(r[5] for r in table)} of {len(table)}")
    print("(moved: thresholds that decide some half otherwise once they are halves themselves)")
    print()
    print(
        f"{'tree on its own table':26s} {'rows':>6s} {'right':>6s} {'ST says':>8s} {'changed by halves':>18s}"
    )
    for name, count, right, printed, changed in own:
        print(f"{name:26s} {count:6d} {right:6d} {'-' if printed is None else printed:>8} {changed:18d}")
    return all(r[5] for r in table) and all(printed in (None, right) for _, _, right, printed, _ in own)
