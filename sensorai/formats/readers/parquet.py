"""Parquet: columns named as in our CSV; rate and history in the file's metadata."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from sensorai.errors import DataError, SensoraiError, ToolMissing
from sensorai.formats.arrays import Arrays, Values
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import LARGEST, Raw

NAME = "parquet"

#: Key of our metadata.
KEY = b"sensorai"


def sniff(raw: Raw) -> bool:
    """The mark at the start."""
    return raw.data[:4] == b"PAR1"


def label(path: Path) -> str:
    """Give no label: it stands in a column, or the folder's name gives it."""
    return ""


def arrays(raw: Raw, options: ReadOptions) -> list[Arrays]:
    """Read all columns of numbers and text, a row group at a time."""
    if find_spec("pyarrow") is None:
        raise ToolMissing("Parquet needs the package pyarrow", hint="pip install 'sensorai[parquet]'")
    try:
        return [_read(raw)]
    except (SensoraiError, MemoryError):
        raise
    except Exception as error:
        # the library has many ways to say that a file is damaged
        said = str(error).split("\n")[0][:160]
        raise DataError(f"this Parquet file cannot be read: {said}", where=raw.where) from None


def _read(raw: Raw) -> Arrays:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(raw.data))
    rows, schema = file.metadata.num_rows, file.schema_arrow
    if rows * max(len(schema.names), 1) * 8 > 4 * LARGEST:
        raise DataError(f"the file says that it holds {rows} rows: too many", where=raw.where)
    kept = [i for i, one in enumerate(schema.types) if _is_number(pa, one) or _is_text(pa, one)]
    left = [name for i, name in enumerate(schema.names) if i not in kept]
    names = [schema.names[i] for i in kept]
    if len(set(names)) < len(names):
        raise DataError("two columns have the same name", where=raw.where)
    chunks: list[list[Any]] = [[] for _ in kept]
    for batch in file.iter_batches(batch_size=1 << 16, columns=names):
        for k, name in enumerate(names):
            column = batch.column(batch.schema.get_field_index(name))
            chunks[k].append(_values(pa, column))
    columns = tuple(np.concatenate(c) if c else np.zeros(0, dtype=np.float64) for c in chunks)
    if not columns or not len(columns[0]):
        raise DataError("the log has no samples", where=raw.where)
    notes = (f"left out, as neither numbers nor text: {', '.join(left)}",) if left else ()
    rate, history = _metadata((schema.metadata or {}).get(KEY))
    return Arrays(tuple(names), columns, rate_hz=rate, notes=notes, history=history)


def _is_number(pa: Any, kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(pa: Any, kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _values(pa: Any, column: Any) -> Values:
    if _is_number(pa, column.type):
        # empty cells become NaN, which only matters where the column is used
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    # a label stands in many rows: each text is made once
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = np.array(
        [*("" if one is None else one for one in coded.dictionary.to_pylist()), ""], dtype=object
    )
    places = coded.indices.cast("int64").fill_null(len(texts) - 1)
    out: Values = texts[places.to_numpy(zero_copy_only=False)]
    return out


def _metadata(told: bytes | None) -> tuple[float | None, tuple[str, ...]]:
    """Rate and history that we wrote; nothing when they are not ours."""
    try:
        value = json.loads(told or b"{}")
        rate, history = value.get("rate_hz"), value.get("history", [])
        good = isinstance(rate, int | float) and 0 < rate < float("inf")
        return (float(rate) if good else None), tuple(str(one) for one in history)
    except (ValueError, AttributeError, TypeError, RecursionError):
        return None, ()
