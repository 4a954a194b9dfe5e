"""Every rule of what goes with what, stated once; all problems are found at once.

What a device allows is its backend's to say (``sensorai.road.Backend.check``), which ``check`` asks, too.
What logs allow shows when they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

from sensorai.errors import ConfigError, ExperimentError, Problem
from sensorai.experiment import tables
from sensorai.experiment.experiment import Experiment, options, unknown
from sensorai.experiment.option import KINDS, Option
from sensorai.experiment.sound import Sound, Unclear, without
from sensorai.experiment.words import c_name, cluster, end_counters, per_hour
from sensorai.targets import closest


def check(experiment: Experiment, unread: Collection[str] = ()) -> list[Problem]:
    """Everything that is wrong with an experiment, most basic first; empty when nothing is.

    Parameters
    ----------
    experiment : Experiment
    unread : collection of str
        Fields that were given and could not be read: their problems are known, and no rule reads them.
    """
    found = {name: list(_value(name, experiment)) for name in options() if name not in unread}
    problems = [p for some in found.values() for p in some]
    # a rule that reads one of these is left out, and no other: so all comes at once
    bad = {*unread, *(name for name, some in found.items() if some)}
    if not experiment.target and "target" not in bad:
        problems.append(
            Problem(f"--target is missing: one of {', '.join(tables.TARGETS)}", hint="sensorai train --help")
        )
        bad.add("target")
    sound = Sound(experiment, bad)
    for name, reader in WORDS.items():
        if some := _said(partial(_words, name, reader), sound):
            problems += some
            bad.add(name)
    if some := _said(_family, sound):
        problems += some
        bad.add("family")
    problems += [p for name in experiment.changed() for p in _said(partial(_meaning, name), sound)]
    for rule in RULES:
        problems += _said(rule, sound)
    return problems + _device(experiment, bad)


def _said(rule: Rule, sound: Sound) -> list[Problem]:
    """What a rule says, as far as it reads nothing that is in problem itself."""
    out: list[Problem] = []
    with suppress(Unclear):
        out.extend(rule(cast(Experiment, sound)))
    return out


def _device(experiment: Experiment, bad: Collection[str]) -> list[Problem]:
    """What the device has against it, which its backend knows."""
    if "target" in bad or "device" in bad:
        return []
    found: list[Problem] = tables.load(experiment.target_facts.place).check(without(experiment, bad))
    return found


def check_values(experiment: Experiment) -> list[Problem]:
    """What is wrong with single values, whatever goes with them: what the JSON Schema says, too."""
    return [p for name in options() for p in _value(name, experiment)]


def check_reading(experiment: Experiment) -> list[Problem]:
    """What is wrong with how logs are read, where nothing is learnt from them."""
    found = {name: list(_value(name, experiment)) for name in options()}
    sound = Sound(experiment, {name for name, some in found.items() if some})
    return [*(p for some in found.values() for p in some), *(p for rule in TWICE for p in _said(rule, sound))]


def of_values(values: Mapping[str, Any], where: str = "", base: Experiment | None = None) -> Experiment:
    """Make an experiment of keys and values, beside those of ``base``.

    Where a key is not known, the values of the others are looked at, too: all is said at once. Without such
    a key they are left to ``check``, since flags may still change them.
    """
    known = {key: value for key, value in values.items() if key in options()}
    experiment = (base or Experiment()).with_(**known)
    if problems := unknown(values, where):
        raise ExperimentError(problems + check_values(experiment))
    return experiment


def checked(experiment: Experiment) -> Experiment:
    """Return the experiment; an ExperimentError with all problems where there are any."""
    problems = check(experiment)
    if problems:
        raise ExperimentError(problems)
    return experiment


# ---------------------------------------------------------------- single values


def _value(name: str, experiment: Experiment) -> Iterator[Problem]:
    """Kind and bounds of one value."""
    told, value = options()[name], getattr(experiment, name)
    default = Experiment.__dataclass_fields__[name].default
    if value is None and default is None:
        return
    shown = told.flag(name)
    if not _is(told, value):
        hint = f"as in {told.shown(name)}" if told.example or told.metavar else ""
        yield Problem(f"{shown} {_short(value)} is not {KINDS[told.kind]}", hint=hint)
        return
    if value == "" != default:
        yield Problem(f"{shown} is empty", hint=f"as in {told.shown(name)}, or drop it")
        return
    if told.choices is not None and value != default and value not in told.choices():
        near, names = closest(str(value), told.choices()), ", ".join(told.choices())
        yield Problem(f"{shown} {value!r} is none of {names}", hint=near if near.startswith("did") else "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if (told.least is not None and value < told.least) or (told.most is not None and value > told.most):
            bounds = (
                f"less than {told.least:g}"
                if told.most is None
                else f"outside {told.least:g} to {told.most:.10g}"
            )
            yield Problem(f"{shown} {value} is {bounds}", hint="give another, or drop it for the default")
        elif told.kind == "number" and told.least is None and not 0 < value < math.inf:
            yield Problem(f"{shown} {value:g} is not possible", hint="a number above 0 is needed")
    if told.kind == "scales":
        for key, number in value:
            if not 0 < number < math.inf:
                yield Problem(f"{shown} {key}={number:g} is not possible", hint="a number above 0 is needed")


def _is(told: Option, value: Any) -> bool:
    """Whether a value is of its option's kind."""
    if told.kind in ("text", "choice", "path"):
        return isinstance(value, str)
    if told.kind in ("integer", "auto"):
        return isinstance(value, int) and not isinstance(value, bool)
    if told.kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    if told.kind == "flag":
        return isinstance(value, bool)
    if told.kind in ("paths", "names", "list"):
        return isinstance(value, tuple) and all(isinstance(v, str) and v for v in value)
    if told.kind == "table":
        return isinstance(value, dict)
    number = told.kind == "scales"
    return isinstance(value, tuple) and all(
        isinstance(pair, tuple)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and bool(pair[0])
        and (
            isinstance(pair[1], int | float) and not isinstance(pair[1], bool)
            if number
            else isinstance(pair[1], str) and bool(pair[1])
        )
        for pair in value
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


# ---------------------------------------------------------------- what goes with what


def _family(experiment: Experiment) -> Iterator[Problem]:
    """The model must be one that the target runs."""
    takes, family = experiment.target_facts.takes, experiment.family
    if (family, takes) in tables.FAMILIES:
        return
    try:
        names = _for_task(experiment, takes)
    except Unclear:
        names = tables.families(takes)
    if family in tables.families():
        yield Problem(
            f"--model {family} does not run on {experiment.target}", hint=f"it runs {', '.join(names)}"
        )
    else:
        yield Problem(f"there is no model {family!r}", hint=closest(family, names))


def _detector(experiment: Experiment) -> Iterator[Problem]:
    """The model must be one that the task can use."""
    if experiment.one_class and not experiment.task_facts.detectors:
        names = _for_task(experiment, experiment.target_facts.takes)
        yield Problem(
            f"--model {experiment.family} is for --task anomaly",
            hint=f"add --task anomaly, or take {', '.join(names)}",
        )


def _for_task(experiment: Experiment, takes: str) -> tuple[str, ...]:
    """Families that a target runs and a task can use."""
    return tables.families(takes, one_class=None if experiment.task_facts.detectors else False)


def _meaning(name: str, experiment: Experiment) -> Iterator[Problem]:
    """An option that was given must have a meaning with the target, the task and the model."""
    told = options()[name]
    only, shown = told.only, told.flag(name)
    if told.kind == "choice":
        shown += f" {getattr(experiment, name)}"
    if only.takes and experiment.target_facts.takes != only.takes:
        # dropped in any case: what else is against it does not matter
        targets = [t for t, facts in tables.TARGETS.items() if facts.takes == only.takes]
        yield Problem(f"{shown} is for --target {' and '.join(targets)}", hint="drop it")
        return
    if only.task and experiment.task != only.task:
        yield Problem(f"{shown} is for --task {only.task}", hint=f"add --task {only.task}, or drop it")
        if experiment.model is None:
            # with that task, the model would be another
            return
    if only.models and experiment.family not in only.models:
        yield Problem(
            f"{shown} is for --model {' or '.join(only.models)}, not for {experiment.family}",
            hint=f"drop it, or give --model {only.models[0]}",
        )
    elif only.one_class is not None and experiment.one_class != only.one_class:
        which = _for_kind(experiment, only.one_class)
        yield Problem(
            f"{shown} is for {'detectors that learn from normal logs' if only.one_class else 'classifiers'}, "
            f"not for {experiment.family}",
            hint=f"drop it, or take --model {' or '.join(which)}" if which else "drop it",
        )


def _for_kind(experiment: Experiment, one_class: bool) -> tuple[str, ...]:
    return tables.families(experiment.target_facts.takes, one_class=one_class)


def _precision(experiment: Experiment) -> Iterator[Problem]:
    known = experiment.family_facts.precisions
    if experiment.precision is not None and experiment.precision not in known:
        yield Problem(
            f"--precision is for nets, not for {experiment.family}"
            if not known
            else f"--precision {experiment.precision} is not one of {experiment.family}",
            hint=f"it can be {', '.join(known)}" if known else "drop it: this model compares whole numbers",
        )


def _words(name: str, reader: Callable[[str], object], experiment: Experiment) -> Iterator[Problem]:
    """An option that is written in words of its own."""
    value = getattr(experiment, name)
    try:
        if value is not None:
            reader(value)
    except ConfigError as error:
        yield Problem(error.message, hint=error.hint)


def _twice(name: str, experiment: Experiment) -> Iterator[Problem]:
    """Names that may stand only once."""
    given = [key for key, _ in getattr(experiment, name)]
    for key in dict.fromkeys(k for k in given if given.count(k) > 1):
        yield Problem(f"{options()[name].flag(name)} {key}=... is given twice", hint="give it once")


def _unseen(experiment: Experiment) -> Iterator[Problem]:
    for one in experiment.normal_unseen:
        if one in experiment.normal:
            yield Problem(
                f"{one!r} is --normal and --normal-unseen",
                hint="an unseen state must not be among the learnt ones",
            )


def _split(experiment: Experiment) -> Iterator[Problem]:
    if experiment.split == "time" and experiment.test_groups:
        yield Problem("--test-groups and --split time contradict each other", hint="drop one of them")


def _test(experiment: Experiment) -> Iterator[Problem]:
    """Logs that only test already say what is tested on."""
    if experiment.test and experiment.test_groups:
        yield Problem("--test and --test-groups contradict each other", hint=_ONE_TEST)


def _test_in_time(experiment: Experiment) -> Iterator[Problem]:
    if experiment.test and experiment.split == "time":
        yield Problem("--test and --split time contradict each other", hint=_ONE_TEST)


_ONE_TEST = "drop one of them: only one can say what is tested on"


def _folds(experiment: Experiment) -> Iterator[Problem]:
    """Something must judge, and one fold alone is none."""
    if experiment.folds == 1:
        yield Problem("--folds 1: one fold leaves nothing to learn from", hint="give 0, or 2 and more")
    tested = experiment.test or experiment.test_groups or experiment.test_share is not None
    if experiment.folds == 0 and not tested:
        yield Problem(
            "--folds 0: nothing would judge", hint="add --test LOG, --test-groups or --test-share 0.25"
        )


def _name(experiment: Experiment) -> Iterator[Problem]:
    """Files and identifiers are called after it."""
    try:
        if experiment.name is not None:
            c_name(experiment.name)
    except ConfigError as error:
        yield Problem(error.message, hint=error.hint)


def _net(experiment: Experiment) -> Iterator[Problem]:
    """A table may say family, precision and seed again; then it must say the same."""
    for key, value in (experiment.net or {}).items():
        other = {"family": experiment.model, "precision": experiment.precision}.get(key)
        if other is not None and other != value:
            yield Problem(
                f"--net says {key} = {value!r}, --{'model' if key == 'family' else key} says {other!r}",
                hint="say it once",
            )


def _work(experiment: Experiment) -> Iterator[Problem]:
    if experiment.on is not None and experiment.jobs is not None:
        yield Problem(
            "--jobs and --on contradict each other", hint="drop --jobs: the cluster has workers of its own"
        )


#: A rule; of an experiment, it says what is against it.
Rule = Callable[[Experiment], Iterable[Problem]]

#: Options in words of their own, and what reads them.
WORDS: Mapping[str, Callable[[str], object]] = {
    "end_counters": end_counters,
    "false_alarms": per_hour,
    "on": cluster,
}

#: Tables in which a name stands once.
TWICE: Sequence[Rule] = [partial(_twice, name) for name in ("column", "unit", "full_scale", "tree")]

#: What goes with what, beside the options' own conditions. Each is left out where it reads what is wrong in
#: itself, so one rule reads no more than it needs.
RULES: Sequence[Rule] = (
    _detector,
    _precision,
    *TWICE,
    _unseen,
    _split,
    _test,
    _test_in_time,
    _folds,
    _net,
    _name,
    _work,
)
