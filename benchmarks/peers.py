"""Code of sensorai beside that of other generators: ``python benchmarks/peers.py``.

Learns the reference tree, forest of ten, MLP and CNN again from ST's logs, builds the C of every tool for a
Cortex-M4 at -O2 and runs it in the emulator: flash, RAM, instructions per call (exact), and whether the
decisions are those of the model. Needs arm-none-eabi-gcc and the reference
logs; generators that are not installed are left out. Exit code 2: something needed is missing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

import numpy as np
from _peers import ours, rivals
from _peers.data import Task, load
from _peers.measure import Figures, Predictor, measure
from _peers.published import PUBLISHED, SOURCE

from sensorai.errors import SensoraiError

TREE_ROWS, NET_ROWS = 256, 32
#: Fewest rows in a leaf, so that the trees have about the 23 and 304 inner nodes of the peers' figures.
TREE_LEAF, FOREST_LEAF, DEPTH = 10, 5, 8
#: Most votes of a leaf whose sums of two classes share a word.
SMALL_VOTES = 5040
#: Instructions that the binary MLP needs with these methods, loops and calls left out. First layer, 28 x 128
#: of int8: 31 for 32 products (half a load, SXTB16, two SMLAD for four; eight rows share three for inputs).
#: Second, 128 x 128 of bits, half of them +1: for each and 32 rows two loads and 7 / 8 of an adder of 5.
#: Last, 128 x 4 of bits by int8: load and USADA8 for four products, and two for the mask of four rows.
BINARY_LEAST = 28 * 128 * 31 / 32 + 64 * 4 * (2 + 5 * 7 / 8) + 128 * 4 * (2 / 4 + 2 / 16)

Result = tuple[Predictor, Figures]


def main() -> int:
    try:
        task = load()
        return report(task)
    except SensoraiError as error:
        print(f"peers: {error}", file=sys.stderr)
        return 2


def report(task: Task) -> int:
    missing = [p for p in rivals.PACKAGES if not rivals.version(p)]
    print(f"{len(task.y)} windows, {int(task.test.sum())} of them in the test logs; Cortex-M4, -O2")
    here = [f"{p} {v}" for p in rivals.PACKAGES if (v := rivals.version(p))]
    print(f"run here: sensorai{''.join(f', {h}' for h in here)}; lines with * from {SOURCE}")
    if missing:
        print(f"not installed: {', '.join(missing)}; to compare: {rivals.INSTALL}")
    results: dict[str, list[Result]] = {}
    for one in [*tree_predictors(task), *net_predictors(task)]:
        results.setdefault(one.model, []).append((one, measure(one)))
    for model, rows in results.items():
        table(model, rows)
    targets(results)
    limits(results)
    return 0


def tree_predictors(task: Task) -> Iterable[Predictor]:
    """Predictors of the tree and the forest, by every tool; sensorai's first."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    x, y = task.x.astype(np.float32), task.y
    rows = task.sample(TREE_ROWS)
    one = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=TREE_LEAF, random_state=0)
    ten = RandomForestClassifier(10, max_depth=DEPTH, min_samples_leaf=FOREST_LEAF, random_state=0)
    for name, model in (("tree", one), ("forest", ten)):
        model.fit(x[task.train], y[task.train])
        wanted = model.predict(x)
        predictor, ensemble = ours.trees(name, model, task, rows)
        grown = [m.tree_ for m in getattr(model, "estimators_", [model])]
        inner = sum(int((t.children_left >= 0).sum()) for t in grown)
        same = int((ensemble.predict(task.x) == wanted).sum())
        print(
            f"{name}: {inner} inner nodes, {ensemble.nodes} after merging; "
            f"{float((wanted == y)[task.test].mean()):.1%} of the test windows right; "
            f"as scikit-learn on {same} of {len(y)} windows, the soft vote is "
            + (f"exact within {ensemble.rounding:.1e} of a vote" if ensemble.rounding else "proven exact")
        )
        yield predictor
        if name == "tree":
            yield ours.voting(name, "sensorai, scores and argmax", ensemble, predictor)
        else:
            small = ours.take_over(model, task, SMALL_VOTES)
            same = int((small.predict(task.x) == wanted).sum())
            print(f"forest with {SMALL_VOTES} votes a leaf: as scikit-learn on {same} of {len(y)} windows")
            yield ours.voting(name, f"sensorai, {SMALL_VOTES} votes", small, predictor)
        yield from rivals.trees(name, model, task.x[rows], wanted[rows].astype(np.int64))


def net_predictors(task: Task) -> Iterable[Predictor]:
    """Predictors of the nets."""
    rows = task.sample(NET_ROWS)
    classes = len(task.counted.classes)
    width = task.table.shape[1]
    window, channels = task.counted.x.shape[1:]
    nets = (
        ("MLP int8", ours.mlp(width, classes, binary=False), task.table),
        ("MLP binary", ours.mlp(width, classes, binary=True), task.table),
        ("CNN int8", ours.cnn(window, channels, classes), task.counted.x),
    )
    for name, graph, raw in nets:
        net = ours.learn(graph, raw, task, lambda _: None)
        beside = "" if net.float_accuracy is None else f" (float {net.float_accuracy:.1%})"
        print(f"{name}: {net.accuracy:.1%} of the test windows right{beside}")
        yield net.predictor(name, rows)
        if name == "MLP int8":
            yield from rivals.emlearn_mlp(name, task.table, task.y, task.train, rows)


def table(model: str, results: list[Result]) -> None:
    """Print the rows of one model, those measured elsewhere after them."""
    mine = results[0][1]
    macs = results[0][0].macs
    print(f"\n{model}" + (f", {macs} multiply-accumulates" if macs else ""))
    print(f"  {'':44}{'flash':>7}{'RAM':>7}{'instr':>10}{'/MAC':>7}{'flash':>8}{'instr':>7}  decisions")

    def line(tool: str, flash: int, ram: int, instructions: float, agree: str) -> None:
        each = f"{instructions / macs:7.2f}" if macs else " " * 7
        ratio = f"{mine.flash / flash:7.2f}x{mine.instructions / instructions:6.2f}x"
        print(f"  {tool:44}{flash:7}{ram:7}{instructions:10.1f}{each}{ratio}  {agree}")

    for one, figures in results:
        agree = f"{figures.agree}/{figures.rows}"
        line(one.tool, figures.flash, figures.ram, figures.instructions, agree)
    for other in PUBLISHED:
        if other.model == model:
            line("* " + other.tool, other.flash, other.ram, other.instructions, "")


def targets(results: Mapping[str, list[Result]]) -> None:
    """Print what was to be reached."""
    print("\ntargets (sensorai, ratios above are sensorai's figure over the line's)")
    print(
        "  weights: a byte each, biases four; code, descriptions of layers and shifts are what is beside them"
    )

    def say(what: str, value: float, most: float, unit: str) -> None:
        over = value - most
        verdict = "met, by" if over <= 0 else "NOT met, over by"
        print(f"  {what:36}{value:10.2f} <= {most:<8g}{unit:14}{verdict} {abs(over):.2f}")

    for name, instructions, flash in (("tree", 16, 128), ("forest", 450, 2400)):
        figures = results[name][0][1]
        say(name, figures.instructions, instructions, "instructions")
        say(name, figures.flash, flash, "bytes")
    small = results["forest"][1]
    say(small[0].tool.replace("sensorai", "forest"), small[1].instructions, 450, "instructions")
    say(small[0].tool.replace("sensorai", "forest"), small[1].flash, 2400, "bytes")
    for name, most, code in (("MLP int8", 1.35, 1150), ("CNN int8", 1.2, 1260)):
        one, figures = results[name][0]
        say(name, figures.instructions / one.macs, most, "instr/MAC")
        say(f"{name} beside {one.weights} B weights", figures.flash - one.weights, code, "bytes")
    say("MLP binary", results["MLP binary"][0][1].instructions, 7500, "instructions")


def limits(results: Mapping[str, list[Result]]) -> None:
    """Print how far each stands from what the instruction set allows."""
    print("\nlimits of the instruction set (Cortex-M4)")
    for name, note in (
        ("MLP int8", "each weight is used once"),
        ("CNN int8", "with weights kept over two places and inputs spread in RAM 0.75 would be possible"),
    ):
        one, figures = results[name][0]
        each = figures.instructions / one.macs
        load = (
            f"{each * 32 / 31:.2f} x half a load, an SXTB16, two SMLAD for four products, and inputs (0.97)"
        )
        print(f"  {name}: {each:.2f} per MAC: {each / 0.5:.1f} x SMLAD alone (0.50); {load};\n    {note}")
    one, figures = results["MLP binary"][0]
    each = figures.instructions / one.macs
    parts = ", ".join(f"{name} {count:.0f}" for name, count in list(figures.profile.items())[:4])
    least = BINARY_LEAST
    print(
        f"  MLP binary: {each:.2f} per MAC: {figures.instructions / least:.2f} x the least of its layers "
        f"({least:.0f}, see BINARY_LEAST);\n    by function: {parts}"
    )
    tree, forest = (results[name][0][1].instructions for name in ("tree", "forest"))
    print(
        f"  tree: {tree:.1f}; a test needs 4 (load, constant, compare, branch), or 3 where a load brings\n"
        "    its feature with the one before; class and return 2, the call 1\n"
        f"  forest: {forest:.0f}, {forest / 10:.0f} a tree; a step of the table takes 6 to the left (load,\n"
        "    mask, branch, load, compare, branch) and 7 to the right, a leaf 18 (start, three votes by\n"
        "    byte, loop); as branches a step takes 4, but 10 bytes a node where the table has 4"
    )


if __name__ == "__main__":
    sys.exit(main())
