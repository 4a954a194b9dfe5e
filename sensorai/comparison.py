"""Results side by side: what each is, what it is worth, what it takes, and whether that can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorai.errors import ConfigError, DataError
from sensorai.files import read_json
from sensorai.kinds import Kind, explained
from sensorai.opening import TOO_GOOD
from sensorai.power.estimate import MODE, SENSOR, Estimate
from sensorai.report import Report, about
from sensorai.report.current import current
from sensorai.report.section import Figures
from sensorai.report.sections import cost
from sensorai.verify.metrics import WindowMetrics

if TYPE_CHECKING:
    import pandas as pd

#: What can be compared.
TAKES = (Kind.MLC, Kind.ISPU, Kind.CORTEX, Kind.RESULT, Kind.REPORT)
#: Figures that are no single values.
_NESTED = ("result", "recall", "memory", "cost", "current", "worst_group")
#: Targets resample logs: lengths of the same recording differ by this share at most, or by so many seconds.
_SHARE, _SECONDS = 0.02, 0.5


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results side by side.

    Attributes
    ----------
    rows : tuple of dict
        Figures of each result as plain values; every one has the same keys but for ``recall``, whose keys are
        its classes.
    differ : tuple of str
        Why figures of these results must not be compared; empty where they may be.
    """

    rows: tuple[dict[str, Any], ...]
    differ: tuple[str, ...]

    @property
    def words(self) -> str:
        """Whether they can be compared, in a line."""
        if self.differ:
            return f"NOT COMPARABLE: {'; '.join(self.differ)}"
        return "comparable: judged on the same recordings, held-out groups and classes"

    def frame(self) -> pd.DataFrame:
        """A row for each result; ``comparable`` and ``why_not`` stand in every row."""
        import pandas as pd

        rows = []
        for row in self.rows:
            flat = {key: value for key, value in row.items() if key not in _NESTED}
            flat["worst_group"], flat["worst_group_accuracy"] = row["worst_group"] or (None, None)
            flat |= {key: row["current"][key] for key in ("low_ua", "high_ua", "at_least_ua")}
            flat["current"] = row["current"]["words"]
            flat |= {f"recall {name}": value for name, value in row["recall"].items()}
            flat |= {one["what"]: f"{one['value']} ({one['source']})" for one in row["memory"]}
            rows.append({**flat, "comparable": not self.differ, "why_not": "; ".join(self.differ)})
        return pd.DataFrame(rows, index=pd.Index([row["result"] for row in self.rows], name="result"))


def beside(paths: Sequence[str | Path], sensor: str = SENSOR, mode: str = MODE) -> Comparison:
    """Open results and put their figures side by side.

    Parameters
    ----------
    paths : sequence of path
        Folders of results, or files ``report.json``.
    sensor : str
        Sensor beside a microcontroller, whose current counts.
    mode : str
        Operating mode of the sensors.

    Raises
    ------
    ConfigError, DataError
        Fewer than two, or something that is no result.
    """
    if len(paths) < 2:
        for path in paths:
            _report(Path(path))
        raise ConfigError("one result alone cannot be compared", hint="sensorai compare RESULT RESULT")
    return of_reports([(str(path), _report(Path(path))) for path in paths], sensor, mode)


def of_reports(reports: Sequence[tuple[str, Figures]], sensor: str = SENSOR, mode: str = MODE) -> Comparison:
    """Put the figures of reports side by side, each with its name."""
    rows = tuple(_row(name, report, sensor, mode) for name, report in reports)
    return Comparison(rows, tuple(_differ(reports)))


def _report(path: Path) -> Figures:
    with explained("compare", path, TAKES):
        if not path.exists():
            raise DataError("no such file or folder", where=str(path))
        file = path / "report.json" if path.is_dir() else path
        if not file.is_file():
            raise DataError("the folder has no report.json", where=str(path), hint="train again")
        found = read_json(file)
        try:
            report = Report.of(found if isinstance(found, dict) else {}).figures
            # what it lacks is found here, where its name is known
            _row(str(path), report), _classes(report), _test(report)
        except DataError as error:
            raise DataError(error.message, where=str(file), hint=error.hint) from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            raise DataError(
                "this report is damaged", where=str(file), hint="train or validate again"
            ) from None
        return report


def _row(path: str, report: Figures, sensor: str = SENSOR, mode: str = MODE) -> dict[str, Any]:
    settings, found = report["settings"], _judged(report)
    one_class = bool((report.get("alarms") or {}).get("false_alarms"))
    alarms = report.get("alarms") or {"false_alarms": {}, "detection": {}}
    false, detection = alarms["false_alarms"], alarms["detection"]
    return {
        "result": path,
        **{key: report[key] for key in ("by", "target", "device", "task")},
        "model": about.model(report),
        "rate_hz": settings["rate_hz"],
        "window": settings["window"],
        "window_s": settings["window_s"],
        "stride": settings["stride"],
        "groups": _groups(report),
        "windows": sum(one["windows"] for one in found.values()),
        # a detector is worth its alarms; its windows stand in the report
        "accuracy": None if one_class else _mean(found, "accuracy"),
        "balanced_accuracy": None if one_class else _mean(found, "balanced_accuracy"),
        "macro_f1": None if one_class else _f1(found),
        "worst_group": None if one_class else _worst(report),
        "recall": {} if one_class else _recall(found),
        "event_delay_s": None if one_class else _delay(report),
        "false_alarms": false.get("events"),
        "normal_hours": false.get("hours"),
        "false_alarms_per_hour": false.get("per_hour"),
        "anomalies_found": detection.get("found"),
        "anomalies": detection.get("anomalies"),
        "delay_median_s": detection.get("delay_median_s"),
        "memory": [
            {"what": one.name, "value": one.value, "source": one.source} for one in cost.memory(report)
        ],
        "cost": taken(report),
        "current": _current(report, sensor, mode),
    }


def taken(report: Figures) -> dict[str, Any]:
    """What a result takes, as numbers: of registers tree nodes, of C bytes and instructions of a window.

    Returns
    -------
    dict
        ``nodes``, ``flash``, ``ram`` (with the stack) and ``instructions`` (of a window with its samples),
        None where they do not apply or are not known; ``source``: where they come from, in words.
    """
    costs, sources = report["cost"], report.get("sources") or {}
    out: dict[str, Any] = dict.fromkeys(("nodes", "flash", "ram", "instructions"))
    if registers := costs.get("registers"):
        return {**out, "nodes": registers["nodes"], "source": sources.get("registers", "")}
    where = []
    if library := costs.get("library"):
        out |= {"flash": library["flash"], "ram": library["ram"] + library["stack"]}
        where.append(f"flash and RAM {sources.get('memory', '')}")
        if library.get("instructions_mean") is not None:
            between = library.get("instructions_sample") or 0.0
            out["instructions"] = library["instructions_mean"] + between * report["settings"]["stride"]
            where.append(f"instructions {sources.get('run', '')}")
        if cost.stand_in(report):
            where.append(str(library["core"]))
    if program := costs.get("program"):
        out |= {"flash": program["code_bytes"], "ram": program["data_bytes"] + program["stack_bytes"]}
    return {**out, "source": ", ".join(where)}


def _current(report: Figures, sensor: str, mode: str) -> dict[str, Any]:
    """Current with its facts; of a device that this version does not know, unknown."""
    try:
        found = current(report, sensor, mode)
    except ConfigError as error:
        found = Estimate(None, None, reason=error.message)
    return {**found.plain(), "words": found.words}


def _judged(report: Figures) -> dict[str, Mapping[str, Any]]:
    """What each classifier decided on the test, after the decision filter, by its name."""
    return {entry["name"]: entry["held_out"]["decided"] for entry in report["classifiers"]}


def _mean(found: Mapping[str, Mapping[str, Any]], what: str) -> float | None:
    """A figure; of several trees, their mean."""
    each = [one[what] for one in found.values() if one.get(what) is not None]
    return sum(each) / len(each) if each else None


def _f1(found: Mapping[str, Mapping[str, Any]]) -> float | None:
    """Macro F1; of several trees, their mean."""
    each = [score for one in found.values() if (score := WindowMetrics.of(one).macro_f1) == score]
    return sum(each) / len(each) if each else None


def _worst(report: Figures) -> tuple[str, float] | None:
    """The group with the fewest right answers, before the decision filter, and their share."""
    entries = [entry["held_out"].get("by_group") or {} for entry in report["classifiers"]]
    known = [(share, name) for of in entries for name, share in of.items() if share is not None]
    if not known:
        return None
    share, name = min(known)
    return name, share


def _delay(report: Figures) -> float | None:
    """Median time from the beginning of an event to a right decision; of several trees the longest."""
    found = [entry["held_out"].get("decided_events") or {} for entry in report["classifiers"]]
    known = [one["delay_median_s"] for one in found if one.get("delay_median_s") is not None]
    return max(known, default=None)


def _recall(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    """Recall of every class; of several trees with the name of each."""
    return {
        f"{name}: {label}" if len(found) > 1 else label: share
        for name, one in found.items()
        for label, share in zip(one["classes"], one["recall"], strict=True)
    }


def _differ(reports: Sequence[tuple[str, Figures]]) -> list[str]:
    """Why they cannot be compared: against the first, one reason of each kind."""
    (first, mine), *others = reports
    out = [f"nothing was held out for {path}" for path, one in reports if not _test(one)]
    out += [
        f"{path} is judged on groups that it was trained on"
        for path, one in reports
        if any(str(note).endswith(TOO_GOOD) for note in one.get("notes") or ())
    ]
    for what, of in (("tasks", _task), ("classes", _classes), ("held-out groups", _groups)):
        for path, other in others:
            if of(mine) != of(other):
                out.append(f"{what} differ ({first}: {_listed(of(mine))}; {path}: {_listed(of(other))})")
                break
    # other groups are other recordings already
    if not out:
        out += [
            f"recordings of the test differ ({first} and {path})"
            for path, other in others
            if not _same(_test(mine), _test(other))
        ][:1]
    return out


def _task(report: Figures) -> list[str]:
    return [report["task"]]


def _groups(report: Figures) -> list[str]:
    """Groups that judge: of a test, or where none was kept those of all folds."""
    data = report["data"]
    return sorted(data["test_groups"] or [name for fold in data.get("folds") or () for name in fold])


def _classes(report: Figures) -> list[str]:
    """What is told apart: classes, or the labels that are normal and those that are faults."""
    if alarms := report.get("alarms"):
        normal = sorted({*(alarms.get("normal") or ()), *(alarms.get("unseen") or ())})
        return [*(f"{label} (normal)" for label in normal), *sorted(alarms.get("faults") or ())]
    columns = {entry["column"] for entry in report["classifiers"]}
    return sorted(
        {
            f"{entry['column']}={one['name']}" if len(columns) > 1 else str(one["name"])
            for entry in report["classifiers"]
            for one in entry["classes"]
        }
    )


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more


def _test(report: Figures) -> dict[str, float]:
    """Recordings that judge by name, with their lengths in s."""
    data, groups = report["data"], _groups(report)
    tested = bool(data["test_groups"]) or not groups
    return {
        one["name"]: one["seconds"]
        for one in data["recordings"]
        if (one["test"] if tested else one["group"] in groups)
    }


def _same(mine: Mapping[str, float], other: Mapping[str, float]) -> bool:
    return mine.keys() == other.keys() and all(
        abs(long - other[name]) <= max(_SECONDS, _SHARE * long) for name, long in mine.items()
    )
