"""A minute's worth of damaged models; at length by hand: ``python -m tests.nd.fuzz 10000000``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.conformance
def test_damaged_models_are_answered(shared: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.nd.fuzz", "2000000"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
