"""The road of nets made elsewhere: read, compiled, counted, emitted as C, and compared on every level."""

from __future__ import annotations

from sensorai.nets.compiling import Compiled, compiled

__all__ = ["Compiled", "compiled"]
