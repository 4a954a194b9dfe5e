"""C for detectors: tables, and a model that gives the threshold and the anomaly score.

The kernels are files of ``sensorai/runtime/anomaly``; isolation trees and autoencoders are emitted as forests
and nets, and their answer is turned into a score.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorai.codegen.forest import emit_forest
from sensorai.codegen.parts import CodeParts, LayerCost, table
from sensorai.graph.graph import Graph
from sensorai.model.detector import Detector
from sensorai.model.gaussians import Gaussians
from sensorai.model.isolation import Isolation
from sensorai.model.prototypes import Prototypes


def emit_detector(detector: Detector, prefix: str) -> CodeParts:
    """Emit ``static void PREFIX_model(const IN *input, int32_t *score, uint8_t *arena)``.

    ``score[0]`` becomes the threshold and ``score[1]`` the anomaly score, as in ``Detector.scores``.
    ``IN`` is ``int8_t``, ``int16_t`` or ``int32_t`` as the detector's ``input_type``; int16 values must be
    within -511 and 511. The arena must be aligned to 4 bytes.
    """
    core = detector.core
    if isinstance(core, Gaussians):
        return _gaussians(core, detector.threshold, prefix)
    if isinstance(core, Prototypes):
        return _prototypes(core, detector.threshold, prefix)
    if isinstance(core, Isolation):
        return _isolation(core, detector.threshold, prefix)
    return _autoencoder(core, detector.threshold, prefix)


def packed(core: Gaussians) -> npt.NDArray[np.int16]:
    """Weights in the order of the kernel, one component after the other.

    Rows of the lower triangle, the diagonal last in each; the diagonal alone where no component mixes inputs.
    """
    if core.diagonal:
        return np.ascontiguousarray(np.diagonal(core.weight, axis1=1, axis2=2)).reshape(-1)
    rows, columns = np.tril_indices(core.features)
    return np.ascontiguousarray(core.weight[:, rows, columns]).reshape(-1)


def _gaussians(core: Gaussians, threshold: int, prefix: str) -> CodeParts:
    d, k = core.features, core.components
    weights = packed(core)
    tables = [
        table("int16_t", f"{prefix}_mean", core.mean.reshape(-1).tolist()),
        table("int16_t", f"{prefix}_weight", weights.tolist()),
        table("uint8_t", f"{prefix}_row_shift", core.shift.reshape(-1).tolist()),
    ]
    size = 2 * core.mean.size + 2 * weights.size + core.shift.size
    kernel = "sa_gaussian_diagonal" if core.diagonal else "sa_gaussian"
    work = "" if core.diagonal else ", u"
    declare = "" if core.diagonal else f"    int16_t u[{d}];\n"
    if k == 1:
        tables_of = f"{prefix}_mean, {prefix}_weight, {prefix}_row_shift, {int(core.bias[0])}"
        body = (
            f"{declare}\n    (void)arena;\n    score[0] = {threshold};\n"
            f"    score[1] = {kernel}(input, {tables_of}, {d}U{work}, INT32_MAX);\n"
        )
    else:
        tables.append(table("int32_t", f"{prefix}_bias", core.bias.tolist()))
        size += 4 * k
        step = weights.size // k
        body = f"""{declare}    int32_t best = INT32_MAX;
    uint32_t k;

    (void)arena;
    for (k = 0; k < {k}U; k++) {{
        best = {kernel}(input, &{prefix}_mean[k * {d}U], &{prefix}_weight[k * {step}U],
            &{prefix}_row_shift[k * {d}U], {prefix}_bias[k], {d}U{work}, best);
    }}
    score[0] = {threshold};
    score[1] = best;
"""
    return CodeParts(
        source=f"{_head('int16_t', prefix)}{body}}}",
        definitions=tuple(tables),
        runtime=("anomaly/sa_gaussian.h",),
        arena_align=1,
        layers=(LayerCost("gaussians", weights.size + core.mean.size, size, 0 if core.diagonal else 2 * d),),
    )


def _prototypes(core: Prototypes, threshold: int, prefix: str) -> CodeParts:
    m, d = core.points.shape
    bits = 8 if np.abs(core.points).max() <= 127 else 16
    return CodeParts(
        source=f"""{_head("int16_t", prefix)}    int32_t nearest[{core.neighbours}];

    (void)arena;
    score[0] = {threshold};
    score[1] = sa_nearest{bits}(input, {prefix}_points, {m}U, {d}U, nearest, {core.neighbours}U);
}}""",
        definitions=(table(f"int{bits}_t", f"{prefix}_points", core.points.reshape(-1).tolist()),),
        runtime=("anomaly/sa_nearest.h",),
        arena_align=1,
        layers=(LayerCost("prototypes", m * d, bits // 8 * m * d, 4 * core.neighbours),),
    )


def _isolation(core: Isolation, threshold: int, prefix: str) -> CodeParts:
    parts = emit_forest(core.trees, prefix, name="trees_model")
    inner = f"{prefix}_trees_model"
    source = f"""{parts.source.rstrip()}

{_head("int32_t", prefix)}    int32_t sums[2];

    {inner}(input, sums, arena);
    score[0] = {threshold};
    score[1] = sums[1];
}}"""
    return replace(parts, source=source)


def _autoencoder(core: Graph, threshold: int, prefix: str) -> CodeParts:
    from sensorai.codegen.net import emit_net

    parts = emit_net(core, prefix, name="net_model")
    inner = f"{prefix}_net_model"
    size = core.tensors[core.inputs[0]].size
    # what the net makes of the input comes first, its own working memory behind that
    source = f"""{parts.source.rstrip()}

{_head("int8_t", prefix)}    int32_t *made = (int32_t *)(void *)arena;

    {inner}(input, made, arena + {4 * size});
    score[0] = {threshold};
    score[1] = sa_difference(input, made, {size}U);
}}"""
    return replace(
        parts,
        source=source,
        runtime=(*parts.runtime, "anomaly/sa_difference.h"),
        arena_bytes=parts.arena_bytes + 4 * size,
        arena_align=4,
    )


def _head(kind: str, prefix: str) -> str:
    return f"static void {prefix}_model(const {kind} *input, int32_t *score, uint8_t *arena)\n{{\n"
