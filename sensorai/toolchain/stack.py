"""Stack need as the compiler states it: frames of functions, added up along the calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sensorai.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StackBound:
    """Worst stack of a call tree.

    Attributes
    ----------
    bytes : int
        Sum of the frames along the deepest known path.
    unknown : tuple of str
        Why this is no upper bound: functions without a stated frame, recursion, calls by pointer,
        frames of varying size. Empty: it is one.
    """

    bytes: int
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StackUse:
    """Frames and calls of the functions of some object files.

    Attributes
    ----------
    frames : mapping of function to bytes
        Static functions are called ``file.c:name``.
    calls : mapping of function to functions
    varying : frozenset of str
        Functions whose frame depends on the data.
    """

    frames: Mapping[str, int]
    calls: Mapping[str, tuple[str, ...]]
    varying: frozenset[str] = field(default=frozenset())

    def bound(self, function: str) -> StackBound:
        """Add up the frames below and with ``function``.

        Raises
        ------
        ConfigError
            The compiled files have no such function, or several.
        """
        found = [name for name in self.frames if name == function or name.endswith(f":{function}")]
        if len(found) != 1:
            raise ConfigError(f"the compiler stated {len(found) or 'no'} frames for {function!r}")
        unknown: set[str] = set()
        deepest = self._deepest(found[0], (), unknown, {})
        return StackBound(deepest, tuple(sorted(unknown)))

    def _deepest(self, name: str, path: tuple[str, ...], unknown: set[str], known: dict[str, int]) -> int:
        if name in path:
            unknown.add(f"{name} calls itself")
            return 0
        if name in known:
            return known[name]
        if name not in self.frames:
            unknown.add("call by pointer" if name == "__indirect_call" else f"{name}: frame not stated")
            return 0
        if name in self.varying:
            unknown.add(f"{name}: frame varies")
        below = [self._deepest(callee, (*path, name), unknown, known) for callee in self.calls.get(name, ())]
        known[name] = self.frames[name] + max(below, default=0)
        return known[name]


_NODE = re.compile(r'^node: \{ title: "([^"]+)" label: "[^"]*?\\n(\d+) bytes \(([a-z,]+)\)', re.MULTILINE)
_EDGE = re.compile(r'^edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', re.MULTILINE)


def read_callgraph(texts: Iterable[str]) -> StackUse:
    """Read the files that GCC's ``-fcallgraph-info=su`` writes, one per object."""
    frames: dict[str, int] = {}
    calls: dict[str, dict[str, None]] = {}
    varying = set()
    for text in texts:
        for name, count, kind in _NODE.findall(text):
            frames[name] = int(count)
            # "dynamic,bounded" is a frame whose largest size the compiler knows
            if kind == "dynamic":
                varying.add(name)
        for caller, callee in _EDGE.findall(text):
            calls.setdefault(caller, {})[callee] = None
    return StackUse(frames, {name: tuple(callees) for name, callees in calls.items()}, frozenset(varying))
