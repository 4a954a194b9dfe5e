"""Acquisitions of Edge Impulse in JSON."""

from __future__ import annotations

import json
import re

from sensorai.errors import DataError
from sensorai.formats.acquisition import file_label, parse_acquisition
from sensorai.formats.arrays import Arrays
from sensorai.formats.options import ReadOptions
from sensorai.formats.source import Raw, decode

NAME = "edge-impulse-json"

label = file_label
_KEYS = re.compile(rb'"(payload|protected)"\s*:\s*\{')


def sniff(raw: Raw) -> bool:
    """JSON whose first part has a payload, or the protected head that comes before it."""
    head = raw.data[:4096]
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and _KEYS.search(head) is not None


def arrays(raw: Raw, options: ReadOptions) -> list[Arrays]:
    """Read the payload; the signature is neither checked nor kept."""
    try:
        value = json.loads(decode(raw.data))
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is no JSON: {error.msg}", where=f"{raw.where}:{error.lineno}:{error.colno}"
        ) from None
    except RecursionError:
        raise DataError("this JSON is nested too deeply", where=raw.where) from None
    except ValueError as error:
        # integers of thousands of digits
        raise DataError(f"this JSON cannot be read: {error}", where=raw.where) from None
    return [parse_acquisition(value, len(raw.data), raw.where)]
