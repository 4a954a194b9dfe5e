"""The log formats, special ones first; a new format is one module here and one entry in a list below."""

from __future__ import annotations

from sensorai.formats.layout import FileReader, Reader, TextReader
from sensorai.formats.readers import (
    algobuilder,
    edge_impulse_cbor,
    edge_impulse_csv,
    edge_impulse_json,
    hsdatalog1,
    hsdatalog2,
    mems_studio,
    nanoedge,
    parquet,
    plain,
    st_ble,
    st_labelled,
    umafall,
    unico,
)

FILES: tuple[FileReader, ...] = (hsdatalog1, hsdatalog2, parquet, edge_impulse_json, edge_impulse_cbor)
TEXTS: tuple[TextReader, ...] = (umafall, nanoedge)
TABLES: tuple[Reader, ...] = (
    st_ble,
    algobuilder,
    st_labelled,
    unico,
    mems_studio,
    edge_impulse_csv,
    plain,
)

#: Every format by name, in the order in which they are tried.
NAMES = tuple(
    [reader.NAME for reader in FILES] + [reader.NAME for reader in TEXTS] + [reader.NAME for reader in TABLES]
)
