"""An experiment as rules may read it: what is wrong in itself says nothing about what goes with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sensorai.experiment.experiment import Experiment, options


class Unclear(Exception):
    """A rule asks for a field that is in problem: it cannot be told whether it is kept."""


class Sound:
    """An experiment, of which the fields ``bad`` and what follows from them cannot be read.

    So every rule is held against all that it reads, without saying anywhere what that is.
    """

    def __init__(self, experiment: Experiment, bad: Collection[str]) -> None:
        self._experiment, self._bad = experiment, bad

    def __getattr__(self, name: str) -> Any:
        if name in self._bad:
            raise Unclear(name)
        found = getattr(Experiment, name)
        # what follows from fields reads them here, too
        return found.__get__(self) if isinstance(found, property) else getattr(self._experiment, name)


def without(experiment: Experiment, bad: Collection[str]) -> Experiment:
    """Return the experiment as if the fields ``bad`` had not been given."""
    fields = Experiment.__dataclass_fields__
    return experiment.with_(**{name: fields[name].default for name in bad if name in options()})
