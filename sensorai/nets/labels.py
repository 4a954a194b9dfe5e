"""Classes that a file of inputs holds beside them."""

from __future__ import annotations

import numpy as np

from sensorai.errors import DataError
from sensorai.graph.tensor import Array
from sensorai.nets.inputs import Inputs


def classes_of(given: Inputs, scores: int, where: str = "") -> Array:
    """Return the class of each call: from classes, or from scores of which the largest counts.

    Parameters
    ----------
    given : Inputs
        With one array of awaited outputs.
    scores : int
        That the net gives.

    Returns
    -------
    ndarray
        (calls,), integers from 0.

    Raises
    ------
    DataError
        The file has no class for each call.
    """
    wanted, count, where = given.wanted[0], given.count, where or given.source
    if wanted.dtype.kind not in "iufb":
        raise DataError(
            f"the labels are {wanted.dtype}, no numbers",
            where=where,
            hint=f"give the number of the score of each class, 0 to {scores - 1}",
        )
    if wanted.size == count:
        flat = wanted.reshape(-1)
        if not np.all(np.isfinite(flat)) or not np.array_equal(flat, np.rint(flat)):
            raise DataError("the labels are no whole numbers", where=where, hint=f"0 to {scores - 1}")
        if flat.min() < 0 or flat.max() >= scores:
            raise DataError(
                f"labels are from {flat.min():g} to {flat.max():g}, but the net has {scores} scores",
                where=where,
                hint=f"0 to {scores - 1}",
            )
        return np.asarray(flat.astype(np.int64))
    if wanted.shape[:1] == (count,) and wanted.size == count * scores:
        return np.asarray(wanted.reshape(count, -1).argmax(axis=1))
    raise DataError(
        f"labels of shape {wanted.shape} for {count} calls of {scores} scores",
        where=where,
        hint=f"a class for each call ({count},), or its scores ({count}, {scores})",
    )


def accuracy(scores: Array, classes: Array) -> float:
    """Share of calls whose largest score is that of the class."""
    return float(np.mean(scores.reshape(len(classes), -1).argmax(axis=1) == classes))
