"""Public nets: what is read and computed is what their frameworks compute; after the passes too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import shared_dir
from tests.nd.models import judge, listed

FOLDER = shared_dir() / "data" / "models"
PATHS = listed(FOLDER) if (FOLDER / "MANIFEST.csv").is_file() else []


@pytest.mark.conformance
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_net(shared: Path, path: Path) -> None:
    found = judge(path, FOLDER)
    assert found.problem == ""
