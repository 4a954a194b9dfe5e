"""What a search leaves in its folder: results of points, the recommended one, figures and page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sensorai.experiment import Experiment, toml
from sensorai.files import write_folder
from sensorai.report.search import search_page
from sensorai.result import stale
from sensorai.tuning import words
from sensorai.tuning.budget import Axis, Budget
from sensorai.tuning.front import Point, front, recommended
from sensorai.tuning.study import Study
from sensorai.tuning.trial import STATES, Delivered
from sensorai.writing import jsontext

#: Folders of results, and of the recommended one.
POINTS, RECOMMENDED = "points", "recommended"
#: Version of ``search.json``.
VERSION = 1


def place(number: int) -> str:
    """Folder of a trial's result within that of the search."""
    return f"{POINTS}/trial-{number + 1:03d}"


def there(folder: Path, number: int) -> bool:
    """Whether a result was kept."""
    return (folder / place(number) / "model.sai").is_file()


def save(folder: Path, number: int, made: Delivered) -> None:
    """Keep a result, whole or not at all."""
    _write(folder / place(number), dict(made.files), made.experiment)


def _write(folder: Path, files: dict[str, bytes], experiment: Experiment) -> None:
    files = {**files, toml.FILE: toml.to_text(experiment, folder).encode()}
    write_folder(folder, files, stale(folder, files))


def figures(
    base: Experiment,
    budget: Budget,
    metric: str,
    study: Study,
    name: Callable[[dict[str, Any]], str],
    axes: Sequence[Axis],
) -> dict[str, Any]:
    """What ``search.json`` says: points made in full, the recommended one, and every trial."""
    made = {n: f for n, f in sorted(study.full.items()) if "costs" in f and n in study.outcomes}
    points = [Point(n, f["value"], f["costs"], f["standard_error"]) for n, f in made.items()]
    inside = [p for p in points if budget.keeps(p.costs)]
    on = front(inside)
    taken, best = recommended(inside)
    names = {n: name(changes) for n, (changes, _) in study.outcomes.items()}
    states = [outcome.state for _, outcome in study.outcomes.values()]
    looked = states.count("judged") + states.count("hopeless")
    return {
        "format": "sensorai-search",
        "version": VERSION,
        "name": base.name,
        "target": base.target,
        "device": base.device_name,
        "metric": metric,
        "axes": [{"name": a.name, "words": a.words, "unit": a.unit} for a in axes],
        "budget": {k: words.plain(v) for k, v in budget.limits.items()},
        "seed": base.seed,
        "trials": len(states),
        "states": {s: states.count(s) for s in STATES},
        "recommended": {
            "trial": taken.number + 1,
            "folder": RECOMMENDED,
            "why": words.why(taken, best, names, _words(metric), axes, budget, looked),
        },
        "points": [
            {
                "trial": p.number + 1,
                "folder": place(p.number),
                "model": names[p.number],
                "on_front": p in on,
                "within_budget": p in inside,
                "recommended": p is taken,
                **{k: v for k, v in made[p.number].items() if k != "costs"},
                "costs": {k: words.plain(v) for k, v in p.costs.items()},
            }
            for p in sorted(points, key=lambda p: p.size)
        ],
        "looked_at": [
            {
                "trial": n + 1,
                "model": names[n],
                "state": one.state,
                "why": one.why,
                "value": one.value if one.values else None,
                "folds": len(one.values),
                "costs": {k: words.plain(v) for k, v in one.costs.items()},
            }
            for n, (_, one) in sorted(study.outcomes.items())
        ],
    }


def _words(metric: str) -> str:
    return {"macro-f1": "macro F1"}.get(metric, metric)


def write(folder: Path, found: dict[str, Any]) -> None:
    """Write figures, page and the recommended result."""
    chosen = next(one for one in found["points"] if one["recommended"])
    source = folder / chosen["folder"]
    files = {p.name: p.read_bytes() for p in sorted(source.iterdir()) if p.is_file() and p.name != toml.FILE}
    _write(folder / RECOMMENDED, files, toml.read(source / toml.FILE))
    texts = {"search.json": jsontext.document(found), "search.html": search_page(found)}
    write_folder(folder, {name: text.encode() for name, text in texts.items()})
