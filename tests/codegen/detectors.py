"""Detectors at their edges, compiled together, and the rows on which they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorai import runtime
from sensorai.codegen.detector import emit_detector
from sensorai.graph.build import Builder
from sensorai.model import isolation
from sensorai.model.detector import Detector
from sensorai.model.forest import Tree
from sensorai.model.gaussians import Gaussians
from sensorai.model.prototypes import Prototypes
from sensorai.ops.dense import Dense
from sensorai.ops.relu import Relu
from sensorai.passes.annotate import calibrate
from sensorai.passes.trained import quantize

Rows = npt.NDArray[np.integer]
TOP = 2**31 - 1


def gaussians(
    seed: int,
    k: int,
    d: int,
    *,
    size: int = 3000,
    shift: int = 8,
    diagonal: bool = False,
    bias: int = 4000,
    mean: int = 150,
) -> Gaussians:
    rng = np.random.default_rng(seed)
    weight = np.tril(rng.integers(-size, size + 1, (k, d, d)))
    if diagonal:
        weight = weight * np.eye(d, dtype=np.int64)
    return Gaussians(
        rng.integers(-mean, mean + 1, (k, d)).astype(np.int16),
        weight.astype(np.int16),
        rng.integers(max(shift - 2, 0), shift + 1, (k, d)).astype(np.uint8),
        (rng.integers(0, bias, k) if bias else np.zeros(k)).astype(np.int32),
    )


def largest(d: int, shift: int) -> Gaussians:
    """Every weight and mean at its end: the largest sums there are, at one row of inputs."""
    weight = np.tril(np.full((1, d, d), 32767, np.int16))
    shifts = np.full((1, d), shift, np.uint8)
    return Gaussians(np.full((1, d), -511, np.int16), weight, shifts, np.zeros(1, np.int32))


def single(weight: int) -> Gaussians:
    """One feature, ``y = weight * z``."""
    zero = np.zeros((1, 1), np.int16)
    weights = np.full((1, 1, 1), weight, np.int16)
    return Gaussians(zero, weights, zero.astype(np.uint8), np.zeros(1, np.int32))


def points(seed: int, m: int, d: int, k: int, span: int = 511) -> Prototypes:
    rng = np.random.default_rng(seed)
    return Prototypes(rng.integers(-span, span + 1, (m, d)).astype(np.int16), k)


def isolation_trees(seed: int, trees: int, depth: int, d: int, span: int, longest: int = 200) -> Detector:
    from tests.codegen.test_forest import random_tree

    rng = np.random.default_rng(seed)
    grown = [random_tree(rng, depth, d, 12, span) for _ in range(trees)]
    paths = rng.integers(0, longest, 12)
    return Detector("isolation-forest", isolation.build(grown, paths, [0] * d), 5)


def leaves(*paths: int) -> Detector:
    """Trees of one leaf each."""
    trees = [Tree.from_nodes([], ~i) for i in range(len(paths))]
    return Detector("isolation-forest", isolation.build(trees, np.array(paths), [0]), 0)


def autoencoder(seed: int, d: int, hidden: int, places: int = 5) -> Detector:
    rng = np.random.default_rng(seed)
    b = Builder((d,))
    for out, fan in ((hidden, d), (d, hidden)):
        b.add(
            Dense(),
            params={
                "weights": rng.normal(0, 1 / np.sqrt(fan), (out, fan)).astype(np.float32),
                "bias": rng.normal(0, 0.3, out).astype(np.float32),
            },
        )
        if out == hidden and len(b.nodes) == 1:
            b.add(Relu())
    graph = b.graph()
    fractions = {**calibrate(graph, rng.normal(0, 1, (64, d))), "input": places, graph.outputs[0]: places}
    return Detector("autoencoder", quantize(graph, fractions, scores=False), 700)


CASES: dict[str, Callable[[], Detector]] = {
    "one_feature": lambda: Detector("mahalanobis", gaussians(1, 1, 1, bias=0), 1024),
    "usual": lambda: Detector("mahalanobis", gaussians(2, 1, 12, size=400, bias=0), 0),
    "many_features": lambda: Detector("mahalanobis", gaussians(3, 1, 32, size=300, shift=9, bias=0), TOP),
    "saturates": lambda: Detector("mahalanobis", largest(32, 0), TOP),
    "largest_sums": lambda: Detector("mahalanobis", largest(32, 30), 7),
    # two steps give 32768 and 40000, just beyond 16 bits and far beyond
    "row_at_the_end": lambda: Detector("mahalanobis", single(16384), 7),
    "row_beyond": lambda: Detector("mahalanobis", single(20000), 7),
    "largest_sum_of_squares": lambda: Detector("mahalanobis", largest(2, 10), 7),
    "diagonal": lambda: Detector("mahalanobis", gaussians(4, 1, 7, diagonal=True, bias=0), 9),
    "no_shift": lambda: Detector("mahalanobis", gaussians(5, 1, 4, size=20, shift=0, bias=0), 9),
    "zero": lambda: Detector("gmm", gaussians(6, 2, 3, size=0), 9),
    "mixture": lambda: Detector("gmm", gaussians(7, 3, 12, size=400), 9),
    "many_components": lambda: Detector("gmm", gaussians(8, 16, 5, mean=511), 9),
    "diagonal_mixture": lambda: Detector("gmm", gaussians(9, 16, 6, diagonal=True, mean=511), 9),
    "bias_at_the_end": lambda: Detector("gmm", gaussians(10, 2, 2, bias=TOP), 9),
    "one_point": lambda: Detector("prototypes", points(1, 1, 1, 1), 9),
    "usual_points": lambda: Detector("prototypes", points(2, 64, 12, 1, 60), 9),
    "points_of_8_bits": lambda: Detector("prototypes", points(5, 40, 9, 3, 127), 9),
    "most_points": lambda: Detector("prototypes", points(3, 256, 32, 8), 9),
    "all_are_neighbours": lambda: Detector("prototypes", points(4, 5, 3, 5), 9),
    "equal_points": lambda: Detector("prototypes", Prototypes(np.full((9, 2), 3, np.int16), 8), 9),
    "isolation": lambda: isolation_trees(1, 9, 6, 5, 400),
    "isolation_tree": lambda: isolation_trees(2, 1, 4, 5, 400),
    "isolation_wide": lambda: isolation_trees(3, 7, 6, 4, TOP, longest=70000),
    "isolation_leaves": lambda: leaves(16, 0, 77),
    "isolation_one_leaf": lambda: leaves(0),
    "autoencoder": lambda: autoencoder(1, 12, 5),
    "autoencoder_of_one": lambda: autoencoder(2, 1, 1),
    "autoencoder_of_many": lambda: autoencoder(3, 32, 9),
}
DETECTORS = {name: make() for name, make in CASES.items()}


def rows_of(detector: Detector, count: int = 30) -> Rows:
    """Random rows, the ends of the range, constants, and what lies at the centre or a threshold."""
    rng = np.random.default_rng(detector.inputs)
    d = detector.inputs
    if detector.input_type == "int32":
        from tests.codegen.test_forest import rows_of as forest_rows

        core = detector.core
        assert isinstance(core, isolation.Isolation)
        return forest_rows(core.trees)[:120]
    top = 127 if detector.input_type == "int8" else 511
    low = -128 if detector.input_type == "int8" else -511
    small = rng.integers(-top // 8, top // 8 + 1, (count, d))
    rows = [small, rng.integers(low, top + 1, (count, d)), rng.choice([low, top], (6, d))]
    rows += [np.full((1, d), v) for v in (low, low + 1, -2, -1, 0, 1, 2, top - 1, top)]
    core = detector.core
    if isinstance(core, Gaussians):
        rows += [core.mean, np.clip(core.mean + rng.integers(-2, 3, core.mean.shape), low, top)]
    if isinstance(core, Prototypes):
        rows += [core.points[:5]]
    return np.concatenate(rows).astype(detector.input_type)


C_MAIN = """
#include <stdio.h>

static uint32_t arena[4096];

int main(void)
{
    uint32_t which;

    while (fread(&which, sizeof which, 1, stdin) == 1) {
        int32_t row[64];
        int32_t score[2] = {-1, -1};

        if (fread(row, sizes[which], 1, stdin) != 1) {
            return 1;
        }
        models[which](row, score, (uint8_t *)arena);
        (void)fwrite(score, sizeof score, 1, stdout);
    }
    return 0;
}
"""


def unit(
    detectors: Sequence[Detector], change: Callable[[str], str] = str, tail: str = ""
) -> dict[str, str | bytes]:
    """One file with all detectors as ``run0``, ``run1`` ...; ``change`` edits every text."""
    body, table, files = [], [], set[str]()
    for i, detector in enumerate(detectors):
        parts = emit_detector(detector, f"m{i}")
        files |= set(parts.runtime)
        assert parts.arena_bytes <= 4 * 4096
        kind = f"{detector.input_type}_t"
        head = f"void run{i}(const void *row, int32_t *score, uint8_t *arena)"
        body += [parts.data, parts.source]
        body += [f"\n{head};\n{head}\n{{\n    m{i}_model((const {kind} *)row, score, arena);\n}}\n"]
        table.append(f"{detector.inputs * np.dtype(detector.input_type).itemsize}U")
    if tail:
        runs = ", ".join(f"run{i}" for i in range(len(detectors)))
        tail = (
            f"static const uint32_t sizes[] = {{{', '.join(table)}}};\n"
            f"static void (*const models[])(const void *, int32_t *, uint8_t *) = {{{runs}}};\n{tail}"
        )
    includes = [f'#include "{name.split("/")[-1]}"' for name in sorted(files)]
    texts = {name.split("/")[-1]: runtime.text(name) for name in files}
    texts["m.c"] = "\n".join(["#include <stdint.h>", *includes, *body, tail])
    return {name: change(text) for name, text in texts.items()}


def stream(detectors: Sequence[Detector], rows: Sequence[Rows]) -> bytes:
    """Input of the main function: every row of every detector."""
    return b"".join(
        np.uint32(i).tobytes() + np.ascontiguousarray(row).tobytes()
        for i, block in enumerate(rows)
        for row in block
    )
