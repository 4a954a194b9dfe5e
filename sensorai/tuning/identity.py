"""What a study is about: its logs and options. A search goes on only with the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sensorai.errors import ConfigError
from sensorai.experiment import Experiment, options
from sensorai.recording import Dataset
from sensorai.tuning.budget import Budget
from sensorai.tuning.space import VERSION
from sensorai.writing import jsontext


def identity(
    experiment: Experiment, budget: Budget, metric: str, dataset: Dataset, test: Dataset | None
) -> dict[str, Any]:
    """Digest of every recording, and every option that is not at its default, as plain values.

    Where logs lie is no part of it: a folder may be moved.
    """
    asked = {k: _plain(v) for k, v in experiment.changed().items() if k not in ("logs", "test")}
    return {
        "version": VERSION,
        "logs": {f"{r.name}": _digest(r) for r in dataset},
        "test": {f"{r.name}": _digest(r) for r in test or ()},
        "options": {**asked, **budget.limits, "metric": metric},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return value


def _digest(recording: Any) -> str:
    """Digest of samples, channels, labels, rate and group."""
    told = (
        recording.group,
        recording.rate_hz,
        [(c.name, c.unit) for c in recording.channels],
        {k: [(s.start, s.stop, s.label) for s in v] for k, v in sorted(recording.labels.items())},
    )
    made = hashlib.sha256(repr(told).encode())
    made.update(np.ascontiguousarray(recording.samples).tobytes())
    return made.hexdigest()[:16]


def key_of(found: Mapping[str, Any]) -> str:
    """Short name of logs and how they are read."""
    text = jsontext.document(found, indent=None, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def same(before: Mapping[str, Any], now: Mapping[str, Any], folder: str) -> None:
    """Refuse to go on with a study of something else.

    Raises
    ------
    ConfigError
        It names what differs.
    """
    differ = []
    if before["version"] != now["version"]:
        differ.append("another version of sensorai made it")
    for what, words in (("logs", "logs"), ("test", "logs that only test")):
        differ += _logs(before[what], now[what], words)
    old, new = before["options"], now["options"]
    for name in [n for n in dict.fromkeys([*old, *new]) if old.get(n) != new.get(n)]:
        flag = options()[name].flag(name) if name in options() else f"--{name}"
        differ.append(f"{flag} is {_said(old, name)} there and {_said(new, name)} here")
    if differ:
        raise ConfigError(
            f"the search in {folder} is another one: {'; '.join(differ)}",
            where=folder,
            hint="choose another --out, or ask for the same to go on with it",
        )


def _said(values: Mapping[str, Any], name: str) -> str:
    if name not in values:
        return "not given"
    value = values[name]
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _logs(old: Mapping[str, str], new: Mapping[str, str], words: str) -> list[str]:
    """How two sets of recordings differ, in a few words."""
    gone, more = [n for n in old if n not in new], [n for n in new if n not in old]
    changed = [n for n in new if n in old and old[n] != new[n]]
    return [
        f"{words}: {len(names)} {how}, as {names[0]!r}"
        for names, how in ((gone, "missing"), (more, "more"), (changed, "changed"))
        if names
    ]
