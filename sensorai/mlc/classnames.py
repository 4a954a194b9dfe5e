"""Names for the result codes of a register file that names none, or names them otherwise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sensorai.errors import ConfigError
from sensorai.mlc.artifact import Artifact
from sensorai.mlc.config import DecisionTree

_CODE = re.compile(r"(?:(?P<tree>[0-9]{1,3}):)?(?P<code>[0-9]{1,3})")


def codes(dt: DecisionTree) -> tuple[int, ...]:
    """Result codes that a tree can give, in order."""
    return tuple(sorted({int(code) for code in dt.tree.leaves}))


def shown_codes(dt: DecisionTree) -> str:
    """Result codes with their names, as a message shows them."""
    return ", ".join(
        f"{code} ({dt.labels[code]})" if dt.labels.get(code, str(code)) != str(code) else str(code)
        for code in codes(dt)
    )


def with_names(artifact: Artifact, names: Mapping[str, str]) -> Artifact:
    """Name result codes.

    Parameters
    ----------
    artifact : Artifact
    names : mapping of code to class name
        A code is a number, or ``TREE:CODE`` with the number of a tree from 1 where there are several.

    Raises
    ------
    ConfigError
        A code is no number or none of the tree, the tree is not said, or two codes get one name.
    """
    trees = list(artifact.config.trees)
    for text, name in names.items():
        t, code = _place(text, trees)
        trees[t] = replace(trees[t], labels={**trees[t].labels, code: name})
    for dt in trees if names else ():
        named = list(dt.labels.values())
        if twice := [name for name in named if named.count(name) > 1]:
            raise ConfigError(f"two codes of a tree are called {twice[0]!r}", where="--class")
    return _with_trees(artifact, trees)


def with_numbers(artifact: Artifact) -> Artifact:
    """Call every result code that has no name by its number."""
    trees = [
        replace(dt, labels={**{code: str(code) for code in codes(dt)}, **dt.labels})
        for dt in artifact.config.trees
    ]
    return _with_trees(artifact, trees)


def _place(text: str, trees: Sequence[DecisionTree]) -> tuple[int, int]:
    """Tree (from 0) and code that ``CODE`` or ``TREE:CODE`` means."""
    found = _CODE.fullmatch(text)
    if found is None:
        raise ConfigError(
            f"{text!r} is no result code",
            where="--class",
            hint="as in --class 4=walking, or 2:4=walking for tree 2",
        )
    code = int(found["code"])
    told = None if found["tree"] is None else int(found["tree"]) - 1
    if told is not None and not 0 <= told < len(trees):
        raise ConfigError(f"there is no tree {told + 1}: the file has {len(trees)}", where="--class")
    have = [t for t, dt in enumerate(trees) if code in codes(dt) and told in (None, t)]
    if not have:
        all_codes = "; ".join(
            f"tree {t + 1}: {shown_codes(dt)}" for t, dt in enumerate(trees) if told in (None, t)
        )
        raise ConfigError(f"no tree gives the code {code}", where="--class", hint=f"codes of {all_codes}")
    if len(have) > 1:
        raise ConfigError(
            f"trees {', '.join(str(t + 1) for t in have)} give the code {code}",
            where="--class",
            hint=f"say which, as in --class {have[0] + 1}:{code}=NAME",
        )
    return have[0], code


def _with_trees(artifact: Artifact, trees: Sequence[DecisionTree]) -> Artifact:
    config = replace(artifact.config, trees=tuple(trees))
    return replace(artifact, decoded=replace(artifact.decoded, config=config))
