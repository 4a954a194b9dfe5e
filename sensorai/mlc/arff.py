"""Feature tables as ARFF, byte for byte as ST's tools write them.

ST's form is the same in every tool seen (facts, mlc-numerics section 1, and the published files): the
relation ``'MLC'``, one numeric attribute per feature, a nominal ``class``, values by ``half.arff_text``
joined by comma and blank. Names differ between tools, and line ends between machines.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.files import write_text
from sensorai.mlc import half
from sensorai.targets import closest
from sensorai.writing.terminal import whole

FloatArray = npt.NDArray[np.float64]

_PLAIN = re.compile(r"[^\s,'\"{}%\\\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z")
#: Escapes as Weka writes them, and what reads them.
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", "'": "\\'"}
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
_NAME = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s,{}'\"]+"
_ATTRIBUTE = re.compile(rf"@attribute\s+({_NAME})\s+(\{{.*\}}|\w+)\s*$", re.IGNORECASE)
_RELATION = re.compile(rf"@relation\s+({_NAME})\s*$", re.IGNORECASE)
_ITEM = re.compile(rf"\s*({_NAME})\s*(?:,|$)")


@dataclass(frozen=True, slots=True, eq=False)
class Arff:
    """A feature table with a class for every row.

    Attributes
    ----------
    features : tuple of str
        Names of the numeric attributes.
    classes : tuple of str
        Values the class attribute can take.
    values : ndarray, shape (rows, features), float64
        A number that is a half printed with six digits is that half; another number stays as read.
    labels : tuple of str
        Class of each row.
    newline : str
        Line end of the file.
    """

    features: tuple[str, ...]
    classes: tuple[str, ...]
    values: FloatArray
    labels: tuple[str, ...]
    newline: str = "\n"


@lru_cache(maxsize=1 << 16)
def _number(text: str) -> float:
    """Value of one number: the half it was printed from where there is one."""
    value = float(text)
    if math.isfinite(value):
        exact = half.to_float(half.nearest(value))
        if half.arff_text(exact) == text:
            return exact
    return value


def read_arff(path: Path) -> Arff:
    """Read an ARFF file; see ``parse_arff``."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the ARFF file: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise DataError("the ARFF file is not UTF-8 text", where=f"{path}, byte {error.start}") from None
    return parse_arff(text, str(path))


def parse_arff(text: str, source: str = "ARFF") -> Arff:
    """Read ARFF text: numeric attributes and, last, one nominal attribute with the classes.

    Raises
    ------
    DataError
        With ``file:line``: another kind of attribute, a row that is too short or too long, a missing
        value, a cell that is no number, a class that the header does not list.
    """
    features: list[str] = []
    classes: tuple[str, ...] = ()
    rows: list[list[float]] = []
    labels: list[str] = []
    in_data = False
    for number, line in enumerate(text.split("\n"), 1):
        where = f"{source}:{number}"
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        if in_data:
            values, label = _row(line, len(features), classes, where)
            rows.append(values)
            labels.append(label)
        elif attribute := _ATTRIBUTE.match(line):
            if classes:
                raise DataError(
                    "the class must be the last attribute, and the only one with a list", where=where
                )
            name, kind = _unquote(attribute[1]), attribute[2]
            if kind.startswith("{"):
                classes = tuple(_items(kind[1:-1], where))
            elif kind.lower() in ("numeric", "real", "integer"):
                features.append(name)
            else:
                raise DataError(f"attribute {name!r} is {kind}; features are numeric", where=where)
        elif line.lower() == "@data":
            if not features or not classes:
                raise DataError("the header lacks features or the list of classes", where=where)
            in_data = True
        elif not _RELATION.match(line):
            raise DataError(f"this is not an ARFF header line: {line[:60]!r}", where=where)
    if not in_data:
        raise DataError("there is no @data line in this file", where=source)
    values_array = np.array(rows, np.float64).reshape(len(rows), len(features))
    newline = "\r\n" if "\r\n" in text else "\n"
    return Arff(tuple(features), classes, values_array, tuple(labels), newline)


def _row(line: str, width: int, classes: tuple[str, ...], where: str) -> tuple[list[float], str]:
    if line.startswith("{"):
        raise DataError("sparse rows are not supported", where=where, hint="write every value of every row")
    cells = _items(line, where)
    if len(cells) != width + 1:
        raise DataError(f"{len(cells)} values where {width + 1} are expected", where=where)
    *texts, label = cells
    if label not in classes:
        raise DataError(
            f"the header does not list the class {label!r}", where=where, hint=closest(label, classes)
        )
    values: list[float] = []
    for column, text in enumerate(texts, 1):
        try:
            value = _number(text)
        except ValueError:
            value = math.nan
        if math.isnan(value):
            what = "is missing" if text == "?" else f"{text!r} is not a number"
            raise DataError(f"value {column} {what}", where=where)
        values.append(value)
    return values, label


def _items(text: str, where: str) -> list[str]:
    """Split a comma-separated list whose items may be quoted."""
    items: list[str] = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _ITEM.match(text, at)
        if not match:
            raise DataError(
                f"cannot read {text[at : at + 40]!r}", where=where, hint="quote names with blanks"
            )
        items.append(_unquote(match[1]))
        at = match.end()
    if text.endswith(","):
        raise DataError("a value is missing after the last comma", where=where)
    return items


def _unquote(text: str) -> str:
    if text[0] not in "'\"":
        return text
    return re.sub(r"\\(.)", lambda m: _ESCAPED.get(m[1], m[1]), text[1:-1])


def _quote(name: str) -> str:
    """Return ``name`` as it stands in a file: bare as ST writes it, quoted where it would not read back."""
    if not name:
        raise ConfigError("a name in an ARFF file cannot be empty")
    name = whole(name)
    # a bare question mark is a missing value
    if _PLAIN.match(name) and name != "?":
        return name
    return "'" + re.sub(r"[\n\r\t\\']", lambda m: _ESCAPES[m[0]], name) + "'"


def arff_text(table: Arff) -> str:
    """Text of an ARFF file in ST's form."""
    lines = ["@relation 'MLC'", ""]
    lines += [f"@attribute {_quote(name)} numeric" for name in table.features]
    lines += ["@attribute class {" + ", ".join(map(_quote, table.classes)) + "}", "", "@data"]
    text_of: dict[float, str] = {}
    for row, label in zip(table.values.tolist(), table.labels, strict=True):
        texts = []
        for value in row:
            text = text_of.get(value)
            if text is None:
                text = text_of[value] = half.arff_text(value)
            texts.append(text)
        lines.append(", ".join([*texts, _quote(label)]))
    return table.newline.join(lines) + table.newline


def write_arff(path: Path, table: Arff) -> None:
    """Write ``table`` to ``path``, whole or not at all."""
    write_text(path, arff_text(table))


def from_tables(
    features: Sequence[str], tables: Sequence[FloatArray], labels: Sequence[str], newline: str = "\n"
) -> Arff:
    """Put the feature values of several logs into one table.

    Parameters
    ----------
    features : sequence of str
    tables : sequence of ndarray, shape (rows, features), float64
        One per log, in loading order.
    labels : sequence of str
        Class of each log; classes are listed in order of appearance.
    """
    rows = np.concatenate([np.empty((0, len(features))), *tables])
    row_labels = tuple(label for label, table in zip(labels, tables, strict=True) for _ in range(len(table)))
    return Arff(tuple(features), tuple(dict.fromkeys(labels)), rows, row_labels, newline)
