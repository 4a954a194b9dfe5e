"""Labels of logs and classes of a model brought together, before anything is judged by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from sensorai.errors import ConfigError, DataError
from sensorai.formats.filenames import plain
from sensorai.recording import Dataset, Recording

#: What a label is mapped to when windows that carry it are not to be judged.
UNJUDGED = "-"
#: Names that a message lists.
SHOWN = 12
#: Names this much alike differ by a slip of the pen.
_TYPO = 0.75


def renamed(dataset: Dataset, names: Mapping[str, str]) -> Dataset:
    """Give labels the names of a model's classes; those mapped to ``UNJUDGED`` are taken away."""
    return replace(dataset, recordings=tuple(_renamed(r, names) for r in dataset)) if names else dataset


def _renamed(recording: Recording, names: Mapping[str, str]) -> Recording:
    labels = {
        column: tuple(
            replace(span, label=names.get(span.label, span.label))
            for span in spans
            if names.get(span.label) != UNJUDGED
        )
        for column, spans in recording.labels.items()
    }
    return replace(recording, labels=labels)


def check_names(dataset: Dataset, names: Mapping[str, str], classes: Sequence[str]) -> None:
    """Refuse a new name of a label that no log has, or that is no class: it would change nothing, unseen.

    Parameters
    ----------
    dataset : Dataset
        As read, before any label got a new name.
    names : mapping of label to class
    classes : sequence of str
        What a label may be called.

    Raises
    ------
    ConfigError
        It names what there is.
    """
    spans = (span for r in dataset for column in r.labels.values() for span in column)
    labels = list(dict.fromkeys(span.label for span in spans))
    for label, name in names.items():
        if label not in labels:
            raise ConfigError(
                f"--map {label}={name}: no log has the label {label!r}",
                hint=_there_is(label, labels, "the labels of the logs are", "the logs have no labels"),
            )
        if name != UNJUDGED and name not in classes:
            raise ConfigError(
                f"--map {label}={name}: the model has no class {name!r}",
                hint=_there_is(name, classes, "its classes are", "it has no classes")
                + f"; --map {label}={UNJUDGED} leaves the label unjudged",
            )


def _there_is(name: str, have: Sequence[str], words: str, none: str) -> str:
    if not have:
        return none
    near = get_close_matches(name, have, 1, _TYPO)
    more = f" and {len(have) - SHOWN} more" if len(have) > SHOWN else ""
    return (f"did you mean {near[0]!r}? " if near else "") + f"{words} {', '.join(have[:SHOWN])}{more}"


def spelled(dataset: Dataset, columns: Mapping[str, Sequence[str]]) -> tuple[Dataset, list[str]]:
    """Spell labels that differ from a class in case and separators alone as the class is, and say so.

    Parameters
    ----------
    dataset : Dataset
    columns : mapping of label column to classes
    """
    names: dict[str, str] = {}
    for column, classes in columns.items():
        known = {plain(name): name for name in classes}
        for label in dataset.label_set(column):
            if label not in classes and plain(label) in known:
                names[label] = known[plain(label)]
    notes = [f"label {label!r} is taken as class {name!r}" for label, name in names.items()]
    return renamed(dataset, names), notes


def check_labels(dataset: Dataset, column: str, classes: Sequence[str], model: str, hint: str) -> None:
    """Refuse labels that no class answers to: they could never be right.

    Raises
    ------
    DataError
        ``model`` says whose classes they are, ``hint`` what they are and how to name them.
    """
    missing = [label for label in dataset.label_set(column) if label not in classes]
    if not missing:
        return
    alike = ((label, get_close_matches(label, classes, 1, _TYPO)) for label in missing)
    meant = {label: near[0] for label, near in alike if near}
    example = "".join(f" --map {label}={name}" for label, name in list(meant.items())[:2])
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    raise DataError(
        f"no class of {model} is called {', '.join(map(repr, missing[:8]))}{more}, as labels of the logs are",
        hint=f"{hint}; say which label is which class with --map LABEL=CLASS"
        + (f", as in{example}" if example else "")
        + f", or with --map LABEL={UNJUDGED} that one is not judged",
    )
