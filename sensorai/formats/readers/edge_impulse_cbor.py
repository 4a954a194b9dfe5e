"""Acquisitions of Edge Impulse in CBOR."""

from __future__ import annotations

from sensorai.errors import DataError
from sensorai.formats.acquisition import file_label, parse_acquisition
from sensorai.formats.arrays import Arrays
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw

NAME = "edge-impulse-cbor"

label = file_label


def sniff(raw: Raw) -> bool:
    """A CBOR map that has one of the keys of an acquisition near its start, or the suffix."""
    head = raw.data[:4096]
    named = raw.path.name.lower().removesuffix(".gz").endswith(".cbor")
    return bool(head) and (
        named or (0xA0 <= head[0] <= 0xBF and (b"gpayload" in head or b"iprotected" in head))
    )


def arrays(raw: Raw, options: ReadOptions) -> list[Arrays]:
    """Read the payload; the signature is neither checked nor kept."""
    import cbor2

    try:
        value = cbor2.loads(raw.data)
    except MemoryError:
        raise
    except Exception as error:
        # tags make the library build dates, patterns, fractions: each fails in a way of its own
        said = str(error).split("\n")[0][:120] or type(error).__name__
        raise DataError(f"this CBOR cannot be read: {said}", where=raw.where) from None
    return [parse_acquisition(value, len(raw.data), raw.where)]
