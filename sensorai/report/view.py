"""One recording with what the core makes of it: what the plots look at, and which ones a page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorai.mlc.simulate import Trace
from sensorai.recording import NO_RESULT, Recording
from sensorai.report import svg

#: Recordings that a page shows at most.
MOST = 8


@dataclass(frozen=True, slots=True)
class View:
    """A recording and its trace.

    Attributes
    ----------
    recording : Recording
        At the rate of the core: what ``trace`` was made from.
    trace : Trace
    columns : tuple of str
        Label column of each tree.
    """

    recording: Recording
    trace: Trace
    columns: tuple[str, ...]

    def truth(self, tree: int) -> list[str | None]:
        """Label of each window of the trace; None where there is none, or two."""
        first = self.trace.first_row
        labels = self.recording.window_labels(self.trace.config.window, self.columns[tree])
        labels = labels[first : first + len(self.trace)]
        return labels + [None] * (len(self.trace) - len(labels))

    def results(self, tree: int) -> list[str]:
        """Name what the tree says in each window."""
        return self.trace.names(tree, self.trace.tree[:, tree])

    def decided(self, tree: int) -> list[str]:
        """Name what the result register holds after each window."""
        return self.trace.names(tree, self.trace.decided[:, tree])

    def right(self) -> tuple[int, int]:
        """Windows with the right result and labelled windows, all trees together."""
        right = total = 0
        for t in range(len(self.columns)):
            for truth, result in zip(self.truth(t), self.results(t), strict=True):
                if truth is not None:
                    right += truth == result
                    total += 1
        return right, total


class Colours:
    """Colour of every class of one tree, the same all over a page."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._index = {name: i for i, name in enumerate(dict.fromkeys(classes))}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in order."""
        return tuple(self._index)

    def of(self, name: str | None) -> str:
        """Colour of a class; grey for what is none of the classes."""
        if name is None or name == NO_RESULT or name not in self._index:
            return svg.THEME["idle"]
        return svg.class_colour(self._index[name])


def choose(views: Sequence[View], most: int = MOST) -> list[View]:
    """At most ``most`` views: the worst, then one of every class where possible, then the next worst.

    Returned worst first; views without labels are the least interesting.
    """

    def badness(view: View) -> float:
        right, total = view.right()
        return (total - right) / total if total else -1.0

    order = sorted(views, key=badness, reverse=True)
    has = [{(t, c) for t in range(len(v.columns)) for c in v.truth(t) if c is not None} for v in order]
    taken: list[int] = []
    covered: set[tuple[int, str]] = set()
    while len(taken) < min(most, len(order)):
        left = [i for i in range(len(order)) if i not in taken]
        # the worst one first; then whoever shows most of what was not shown yet
        best = max(left, key=lambda i: (len(has[i] - covered), -i)) if taken else 0
        taken.append(best)
        covered |= has[best]
    return [order[i] for i in sorted(taken)]


def colours_of(trees: Sequence[Mapping[str, Any]]) -> list[Colours]:
    """Colours for each entry of a report's ``trees``."""
    return [Colours([c["name"] for c in tree["classes"]]) for tree in trees]
