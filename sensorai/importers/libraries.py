"""Libraries that only readers of foreign models need, imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sensorai.errors import ToolMissing

#: What installs them.
EXTRA = "pip install 'sensorai[import]'"


def library(name: str) -> Any:
    """Return a module; a ToolMissing says how to install it."""
    try:
        return import_module(name)
    except ImportError:
        raise ToolMissing(f"such models are read with the Python package {name}", hint=EXTRA) from None
