import io
from typing import Any

from rich.console import Console

from sensorai.report import Report
from sensorai.report.sections.held_out import judgement_table

from . import make


def printed(thing: object, width: int = 200) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(thing)
    return out.getvalue()


def summary(report: dict[str, Any]) -> object:
    return Report.of(report)


def test_summary_is_plain_and_narrow() -> None:
    conf = make.config(make.full(3))
    some = make.views(conf)
    report = make.report(conf, some)
    report["notes"] = ["a note that goes on " * 12]
    said = printed(summary(report))
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= 100
    assert "the trained tree      120  equal in every bit" in said
    assert "OPTIMISTIC" in said
    assert "window: 0.5 s 81.0 %, 1 s 93.0 % (chosen)" in said
    assert "F1_VARIANCE_ACC_V +43.0" in said
    assert "chance 33.3 %" in said


def test_text_is_text() -> None:
    conf = make.config(make.full(2), ("[red]x[/red]", "\x1b[31mesc", "n" * 90))
    report = Report.of(make.report(conf, make.views(conf, 1)))
    said = report.text()
    assert isinstance(said, str)
    assert "\x1b" not in said
    assert "[red]x[/red]" in said
    assert max(map(len, said.splitlines())) <= 100


def test_hostile_class_names_and_missing_figures() -> None:
    conf = make.config(make.full(2), ("[red]x[/red]", "\x1b[31mesc", "n" * 90))
    report = make.report(conf, make.views(conf, 1))
    said = printed(summary(report))
    assert "[red]x[/red]" in said
    assert "\x1b" not in said
    assert max(map(len, said.splitlines())) <= 100
    assert said.count("n" * 28) == 3


def test_nothing_to_judge() -> None:
    conf = make.config(make.full(2))
    report = make.report(conf, [make.view(conf, "log", [None] * 4, [1] * 4)])
    del report["classifiers"][0]["choices"], report["choices"]
    assert "no labelled windows: nothing to judge" in printed(summary(report))


def test_judgement_table_with_unknown_and_absent_classes() -> None:
    conf = make.config(make.full(2))
    judged = make.report(conf, make.views(conf))["classifiers"][0]["held_out"]
    lines = printed(judgement_table(judged, [{"name": "still", "code": 4}, {"name": "flying", "code": 5}]))
    rows = {line.split()[0]: line.split() for line in lines.splitlines()}
    assert rows["still"][1] == "4"
    assert rows["walking"][1] == "—"
    assert rows["flying"][1:] == ["5", "0", "—", "—", "—", "—"]


def test_warnings_are_the_first_lines() -> None:
    conf = make.config(make.full(2))
    report = make.report(conf, make.views(conf, 1))
    report["warnings"] = ["[b]one class has no leaf", "two"]
    said = printed(summary(report)).splitlines()
    assert said[0] == "warning: [b]one class has no leaf"
    assert said[1] == "warning: two"
    assert printed(summary(report)).index("walkers for") < printed(summary(report)).index("held out")
