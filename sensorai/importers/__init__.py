"""Models made by other tools, read into ``sensorai.model``.

``read_tree`` looks at a text file and reads whatever kind of decision tree it holds; scikit-learn
objects come in through ``sensorai.importers.sklearn_tree.from_sklearn``. Pickled models are not read
from disk: loading one runs whatever code its author put into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sensorai.errors import DataError
from sensorai.importers.matlab import parse_matlab_view
from sensorai.importers.sklearn_tree import parse_export_text
from sensorai.importers.weka import parse_weka
from sensorai.mlc.treetext import TreeText, parse_tree_text

_MATLAB_VIEW = re.compile(r"^\s*Decision tree for \w+|^\s*1\s+(?:if\s|class\s*=)", re.MULTILINE)
_EXPORT_TEXT = re.compile(r"^\s*\|--- ", re.MULTILINE)
_WEKA = re.compile(r"^=== (?:Run information|Classifier model)|^(?:J48|REPTree|RandomTree)\b", re.MULTILINE)


def tree_kind(text: str) -> str:
    """Say which tool's form a tree text has: ``sklearn``, ``matlab``, ``weka`` or ``st``."""
    if _EXPORT_TEXT.search(text):
        return "sklearn"
    if _MATLAB_VIEW.search(text):
        return "matlab"
    return "weka" if _WEKA.search(text) else "st"


def parse_tree(
    text: str, source: str = "tree text", features: Sequence[str] | Mapping[str, int] | None = None
) -> TreeText:
    """Read tree text of any known form; parameters and errors as in ``parse_tree_text``."""
    parsers = {"sklearn": parse_export_text, "matlab": parse_matlab_view, "weka": parse_weka}
    return parsers.get(tree_kind(text), parse_tree_text)(text, source, features)


def read_tree(path: Path, features: Sequence[str] | Mapping[str, int] | None = None) -> TreeText:
    """Read a decision tree from a text file of ST's tools, Weka, MATLAB or scikit-learn.

    Parameters
    ----------
    path : Path
    features : sequence of str, mapping of name to index, or None
        What feature names mean; None as in ``sensorai.mlc.treetext.parse_tree_text``.

    Returns
    -------
    TreeText
        Leaf values index the classes; thresholds are as written
        (``sensorai.mlc.thresholds.narrow`` makes them halves).

    Raises
    ------
    DataError
        The file cannot be read, is no text, or holds no tree; with ``file:line`` where it goes wrong.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the tree file: {error.strerror}", where=str(path)) from None
    if data[:1] in (b"\x80", b"\x78") or b"\0" in data:
        raise DataError(
            "this is a binary file, not the text of a tree",
            where=str(path),
            hint="pickled and joblib models are not read; pass the live model to from_sklearn, "
            "or save sklearn.tree.export_text(model, feature_names=..., decimals=9)",
        )
    return parse_tree(data.decode("utf-8-sig", errors="replace"), str(path), features)
