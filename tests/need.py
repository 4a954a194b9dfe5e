"""What to do when a program or package that a test needs is not there."""

from __future__ import annotations

import importlib.util
import os

import pytest

from sensorai.toolchain.compilers import TOOLS, available

#: Python packages by the name they are asked for; the plain install has most of them.
PACKAGES = {
    "unicorn": "pip install .",
    "jax": "pip install .",
    "ortools": "pip install --group dev",
    "optuna": "pip install '.[search]'",
}


def need(*names: str) -> None:
    """Skip the test, with the line that installs it, when a tool is missing; in CI fail instead."""
    for name in names:
        if name in TOOLS:
            there, install = available(name), TOOLS[name].install
        else:
            there, install = importlib.util.find_spec(name) is not None, PACKAGES[name]
        if not there:
            reason = f"{name} is not installed: {install}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
