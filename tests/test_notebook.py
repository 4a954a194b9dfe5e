"""The notebook of the docs runs from top to bottom."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

import sensorai


def test_the_notebook_runs(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(sensorai.__file__).parents[1])]))
    with warnings.catch_warnings():
        # of Jupyter's own
        warnings.simplefilter("ignore")
        import nbformat
        from nbclient import NotebookClient

        book: Any = nbformat.read(repo / "docs" / "python.ipynb", as_version=4)
        # it is kept without results, so that it changes only when somebody changes it
        assert all(
            not cell.outputs and cell.execution_count is None for cell in book.cells if "outputs" in cell
        )
        where = {"metadata": {"path": str(repo / "docs")}}
        NotebookClient(book, timeout=240, kernel_name="python3", resources=where).execute()
    shown = [out for cell in book.cells for out in cell.get("outputs", ())]
    assert not [out for out in shown if out.output_type == "error" or out.get("name") == "stderr"]
    pages = [out.data["text/html"] for out in shown if "text/html" in out.get("data", {})]
    # the report and the drawing show themselves, and so do tables
    assert sum(page.startswith("<iframe") for page in pages) == 2
    assert sum("<table" in page and "dataframe" in page for page in pages) >= 3
    said = "".join(out.get("text", "") for out in shown)
    assert "did you mean window?" in said
    assert "did you mean precision?" in said
