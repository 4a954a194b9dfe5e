"""Bytes that kernels take while they run where nothing else lies: chosen with the kernel, after the plan."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensorai.errors import ConfigError, InternalError
from sensorai.plan.plan import Plan

#: What a plan is to save: instructions where that costs no byte, instructions, or bytes.
OBJECTIVES = ("balanced", "time", "ram")
#: Bytes of a memory without an end.
ENDLESS = 1 << 31


def objective(name: str) -> str:
    """Return what is to be saved; a ConfigError for anything else than ``OBJECTIVES``."""
    if name not in OBJECTIVES:
        raise ConfigError(f"--optimize {name!r} is not known", hint=f"one of {', '.join(OBJECTIVES)}")
    return name


@dataclass(slots=True)
class Scratch:
    """Hands out bytes, layer by layer.

    Attributes
    ----------
    plan : Plan
    optimize : str
        One of ``OBJECTIVES``; with "time" the arena grows where that is asked for.
    room : int
        Bytes that the arena may have.
    peak : int
        Bytes of the arena with what was taken.
    """

    plan: Plan
    optimize: str
    room: int = ENDLESS
    peak: int = field(init=False)
    _node: int = 0
    _taken: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peak = self.plan.peak

    def begin(self, node: int) -> None:
        """Another layer: what the one before took is free."""
        self._node, self._taken = node, []

    @property
    def taken(self) -> int:
        """Bytes that the layer took."""
        return sum(size for _, size in self._taken)

    def free(self) -> int:
        """Bytes in one piece that the layer may take."""
        return max(size for _, size in self._gaps())

    def take(self, size: int) -> int:
        """Offset of ``size`` bytes for the layer; an InternalError where ``free`` is less."""
        at = next((at for at, there in self._gaps() if there >= size), None)
        if at is None:
            raise InternalError(f"layer {self._node} takes {size} bytes of {self.free()}")
        self._taken.append((at, size))
        self.peak = max(self.peak, self._aligned(at + size))
        return at

    def _gaps(self) -> list[tuple[int, int]]:
        """Runs of bytes (offset, bytes) that hold nothing while the layer runs."""
        held = [
            (at, size)
            for k, (first, last, at, size) in enumerate(self.plan.groups)
            if first <= self._node <= last and not self.plan.pool(k)
        ]
        out, free = [], 0
        for at, size in sorted([*held, *self._taken]):
            if at > free:
                out.append((free, at - free))
            free = max(free, self._aligned(at + size))
        end = self.room if self.optimize == "time" else self.peak
        return [*out, (free, max(0, end - free))]

    def _aligned(self, at: int) -> int:
        return -(-at // self.plan.align) * self.plan.align
