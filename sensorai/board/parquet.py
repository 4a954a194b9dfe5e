"""Complete logs as Parquet."""

from __future__ import annotations

import csv
import json
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from sensorai.board.source import RESERVED
from sensorai.errors import ToolMissing
from sensorai.files import write_with


def to_parquet(path: Path, rate_hz: float | None) -> Path:
    """Turn a complete log into Parquet, piece by piece, and remove it; return the new file.

    Columns keep their names; the rate is in the file's metadata.

    Raises
    ------
    ToolMissing
        pyarrow is not installed; the CSV stays.
    """
    need_parquet()
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    above = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            above.append(line)
            if not line.startswith("#"):
                break
    columns = next(csv.reader(above[-1:]))
    texts = (*RESERVED, "recording")
    types = {name: pa.string() if name in texts else pa.float64() for name in columns}
    about = json.dumps({"rate_hz": rate_hz, "history": []})
    schema = pa.schema(list(types.items()), metadata={"sensorai": about})
    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(skip_rows=len(above) - 1),
        convert_options=pc.ConvertOptions(column_types=types, strings_can_be_null=False),
    )

    def fill(out: BinaryIO) -> None:
        with pq.ParquetWriter(out, schema) as writer:
            for batch in reader:
                writer.write_batch(batch.cast(schema))

    made = path.with_suffix(".parquet")
    write_with(made, fill)
    path.unlink()
    return made


def need_parquet() -> None:
    """Raise a ToolMissing with the line that installs what Parquet needs, where it is absent."""
    if find_spec("pyarrow") is None:
        raise ToolMissing(
            "Parquet needs the package pyarrow", hint="pip install 'sensorai[parquet]', or record CSV"
        )
