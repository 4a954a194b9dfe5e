"""What a device has learnt, as bytes that can be saved, checked, read by people and shipped to other devices.

A blob is little-endian: ``SALK``, version, inputs d, whether the tables were frozen on a device, 0, the model
it belongs to (4 bytes), windows learnt and windows that count (4 bytes each), moments (int32: d sums,
products), tables (int16: d means, weights; one byte for each of d shifts), CRC-32 of all before. The C that
saves and restores it is ``runtime/anomaly/sa_blob.h``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt
from zlib import crc32

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.features import catalogue
from sensorai.model.detector import Detector
from sensorai.model.gaussians import Gaussians
from sensorai.model.learner import MAX_LEARNT, MEAN_BITS, Moments, empty, floors, freeze, learn, triangle
from sensorai.model.pipeline import Pipeline, to_dict
from sensorai.model.scaling import Scaling

MAGIC = b"SALK"
VERSION = 1

_HEAD = struct.Struct("<4sBBBBIII")
_NO_BLOB = "this is no saved knowledge"


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """The state of a learner.

    Attributes
    ----------
    moments : Moments
    tables : Gaussians
        What windows are judged by: one component, no bias.
    frozen : bool
        Whether the tables were made of the moments on a device; else they are those of the training.
    model : int
        As `model_id`.
    """

    moments: Moments
    tables: Gaussians
    frozen: bool
    model: int

    def freeze(self, pipeline: Pipeline) -> Knowledge:
        """Return the state after the device froze; a DataError where too few windows were learnt."""
        scaling = _learning(pipeline)[1]
        return Knowledge(self.moments, freeze(self.moments, floors(scaling)), True, self.model)


def model_id(pipeline: Pipeline) -> int:
    """CRC-32 of all that gives the learnt numbers their meaning.

    Channels, rate, window, filters, features and scaling; not the name, the stride, the threshold and the
    decision filter.
    """
    whole = to_dict(pipeline)
    parts = {key: whole[key] for key in ("channels", "rate_hz", "window", "filters", "features", "scaling")}
    return crc32(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode())


def start(pipeline: Pipeline) -> Knowledge:
    """What a device knows after its first start."""
    core, _, moments = _learning(pipeline)
    return Knowledge(moments, core, False, model_id(pipeline))


def taught(pipeline: Pipeline, inputs: npt.NDArray[np.integer]) -> Pipeline:
    """Return a pipeline that learns, and starts with what these windows teach.

    Parameters
    ----------
    pipeline : Pipeline
        A Mahalanobis detector; its tables are replaced by those that a device would freeze, its threshold
        stays.
    inputs : int16 array, shape (windows, features)
        Normal windows after the scaling, oldest first: of more than 4096, the older fade.

    Raises
    ------
    DataError
        Fewer than 4 windows per feature.
    ConfigError
        Another kind of model.
    """
    if not isinstance(pipeline.model, Detector) or pipeline.scaling is None:
        raise ConfigError("only a Mahalanobis detector can learn on the device")
    moments = learn(empty(len(pipeline.features)), inputs)
    model = replace(pipeline.model, core=freeze(moments, floors(pipeline.scaling)))
    return replace(pipeline, model=model, learn=moments)


def _learning(pipeline: Pipeline) -> tuple[Gaussians, Scaling, Moments]:
    """Return what a pipeline that learns must have: tables, scaling, and the moments it starts with."""
    core = pipeline.model.core if isinstance(pipeline.model, Detector) else None
    if pipeline.learn is None or pipeline.scaling is None or not isinstance(core, Gaussians):
        raise ConfigError("this model does not learn on the device")
    return core, pipeline.scaling, pipeline.learn


def blob_bytes(d: int) -> int:
    """Length of a blob of d inputs."""
    return _HEAD.size + 7 * d + 6 * triangle(d) + 4


def pack(knowledge: Knowledge) -> bytes:
    """Return the blob."""
    m, g = knowledge.moments, knowledge.tables
    rows = np.tril_indices(g.features)
    body: bytes = (
        _HEAD.pack(MAGIC, VERSION, m.features, knowledge.frozen, 0, knowledge.model, m.windows, m.count)
        + np.array([*m.sums, *m.products], "<i4").tobytes()
        + np.concatenate([g.mean[0], g.weight[0][rows]]).astype("<i2").tobytes()
        + g.shift[0].tobytes()
    )
    return body + struct.pack("<I", crc32(body))


def unpack(data: bytes, where: str = "") -> Knowledge:
    """Read a blob.

    Raises
    ------
    DataError
        It is none, of another version, or damaged; ``where`` is its name.
    """
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise DataError(
            _NO_BLOB, where=where, hint=f"a blob that NAME_save made begins with {MAGIC.decode()}"
        )
    _, version, d, frozen, zero, model, windows, count = _HEAD.unpack_from(data)
    if version != VERSION:
        raise DataError(f"{_NO_BLOB} of version {VERSION}, but of version {version}", where=where)
    if not 1 <= d <= MAX_LEARNT or len(data) != blob_bytes(d):
        raise DataError(
            f"{_NO_BLOB}: {len(data)} bytes for {d} inputs",
            where=where,
            hint=f"{blob_bytes(d)} bytes were expected" if 1 <= d <= MAX_LEARNT else "the file is damaged",
        )
    body, check = data[:-4], struct.unpack("<I", data[-4:])[0]
    if crc32(body) != check:
        raise DataError(
            "this saved knowledge is damaged: its CRC is wrong", where=where, hint="save it again"
        )
    entries, at = d + triangle(d), _HEAD.size
    moment = np.frombuffer(body, "<i4", entries, at).tolist()
    table = np.frombuffer(body, "<i2", entries, at + 4 * entries)
    weight = np.zeros((1, d, d), np.int16)
    weight[0][np.tril_indices(d)] = table[d:]
    shift = np.frombuffer(body, np.uint8, d, at + 6 * entries)
    if frozen > 1 or zero:
        raise DataError("this saved knowledge is damaged: unknown flags", where=where)
    try:
        return Knowledge(
            Moments(windows, count, tuple(moment[:d]), tuple(moment[d:])),
            Gaussians(table[None, :d].astype(np.int16), weight, shift[None].copy(), np.zeros(1, np.int32)),
            bool(frozen),
            model,
        )
    except DataError as error:
        raise DataError(f"this saved knowledge is damaged: {error.message}", where=where) from None


def check_model(knowledge: Knowledge, pipeline: Pipeline, where: str = "") -> None:
    """Refuse knowledge of another model.

    Raises
    ------
    DataError
    ConfigError
        The pipeline does not learn.
    """
    wanted = start(pipeline)
    if knowledge.moments.features != wanted.moments.features:
        raise DataError(
            f"this knowledge is of {knowledge.moments.features} inputs, the model has "
            f"{wanted.moments.features}",
            where=where,
        )
    if knowledge.model != wanted.model:
        raise DataError(
            f"this knowledge belongs to another model ({knowledge.model:08X}, not {wanted.model:08X})",
            where=where,
            hint="channels, rate, window, filters, features and scaling must be those it was learnt with",
        )


@dataclass(frozen=True, slots=True)
class Learnt:
    """What was learnt of one input.

    Attributes
    ----------
    name : str
        Feature with its channels, or ``z0`` ... without a pipeline.
    mean, deviation : float
        Of the textbook quantity in counts (`catalogue.factor`), or of z without a pipeline; NaN where
        nothing was learnt.
    table_mean, table_deviation : float
        The same of the tables that windows are judged by; the deviation is what is left when all inputs
        before it are known.
    """

    name: str
    mean: float
    deviation: float
    table_mean: float
    table_deviation: float


def inspect(knowledge: Knowledge, pipeline: Pipeline | None = None) -> tuple[Learnt, ...]:
    """Return means and deviations of each input."""
    m, g = knowledge.moments, knowledge.tables
    names, offset, unit = _units(m.features, pipeline)
    out = []
    for i, name in enumerate(names):
        mean = deviation = float("nan")
        if m.count:
            mean = m.sums[i] / (m.count << MEAN_BITS)
            square = m.products[triangle(i + 1) - 1] / m.count - mean * mean
            mean, deviation = offset[i] + mean * unit[i], sqrt(max(square, 0.0)) * abs(unit[i])
        weight = int(g.weight[0, i, i])
        left = 2.0 ** (int(g.shift[0, i]) + 5) / weight * abs(unit[i]) if weight else float("nan")
        out.append(Learnt(name, mean, deviation, offset[i] + int(g.mean[0, i]) * unit[i], left))
    return tuple(out)


def correlations(moments: Moments) -> list[list[float]]:
    """Return the correlations of all inputs; 0 with one that does not move."""
    d, n = moments.features, max(moments.count, 1)
    mean = np.array(moments.sums) / (n << MEAN_BITS)
    square = np.zeros((d, d))
    square[np.tril_indices(d)] = np.array(moments.products) / n
    square = square + np.tril(square, -1).T - np.outer(mean, mean)
    size = np.sqrt(np.maximum(np.diag(square), 0.0))
    below = np.outer(size, size)
    ratio = np.divide(square, below, out=np.zeros((d, d)), where=below > 0)
    np.fill_diagonal(ratio, 1.0)
    out: list[list[float]] = np.clip(ratio, -1.0, 1.0).tolist()
    return out


def _units(d: int, pipeline: Pipeline | None) -> tuple[list[str], Sequence[float], Sequence[float]]:
    """Name of each input, and what z is in its unit: offset and size of a step."""
    if pipeline is None:
        return [f"z{i}" for i in range(d)], [0.0] * d, [1.0] * d
    scaling = _learning(pipeline)[1]
    channels = [c.name for c in pipeline.channels]
    factor = [catalogue.factor(f, pipeline.window) for f in pipeline.features]
    return (
        [f.label(channels) for f in pipeline.features],
        [o * k for o, k in zip(scaling.offset, factor, strict=True)],
        [2.0**s * k for s, k in zip(scaling.shift, factor, strict=True)],
    )
