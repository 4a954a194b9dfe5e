"""Decision trees for the machine learning core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sensorai.learn import glance as cheap
from sensorai.learn.folds import folds
from sensorai.learn.glance import Glance, Glimpse, Kept
from sensorai.learn.judge import against_fitted, feature_table
from sensorai.learn.mlc import train_mlc
from sensorai.learn.table import Known
from sensorai.learn.warn import mounted_trees, of_trees
from sensorai.mlc import arff
from sensorai.mlc.labels import feature_names
from sensorai.mlc.simulate import simulate
from sensorai.mlc.trace import trace_of
from sensorai.recording import LABEL
from sensorai.road import Classifier, Fold, Learnt, Lesson, Level, Progress
from sensorai.verify.metrics import window_metrics
from sensorai.verify.shape import listed

#: Folds where there are as many groups: a fold tries windows, sensors and features again.
FOLDS = 4
#: How much of the time the model takes that is delivered; the folds find its features computed.
FIRST = 0.4


class RegisterTree:
    """One tree for each question."""

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Search window, sensors and features, prune, assign codes, choose end counters."""
        known = Known()
        columns = [column for _, column in lesson.experiment.tree] or [LABEL]
        asked = lesson.experiment.folds
        parts = folds(lesson.share, columns, lesson.experiment.seed, FOLDS if asked is None else asked)
        made = train_mlc(lesson, say.part(0.0, FIRST), known)
        config, choices = made.config, made.choices
        classifiers = []
        for task, dt in zip(made.tasks, config.trees, strict=True):
            code = {label: c for c, label in dt.labels.items()}
            classifiers.append(
                Classifier(task.name, task.column, {code[name]: name for name in task.classes})
            )
        share = lesson.share
        test_groups = share.test_groups if share.kept else ()
        judged = []
        for k, groups in enumerate(parts):
            say.within(FIRST + (1 - FIRST) * k / len(parts))
            say(f"learning without {', '.join(groups)}, to be judged on them")
            judged.append(_fold(lesson, groups, known))
        table = feature_table(config, made.dataset, made.tasks[0].column, feature_names(config))
        return Learnt(
            config,
            tuple(classifiers),
            tuple(r for r in made.dataset if r.group in share.test_groups),
            test_groups,
            share.train_groups,
            {
                "data": {
                    "recordings": listed(made.dataset, test_groups),
                    "groups": list(made.dataset.groups()),
                    "test_groups": list(test_groups),
                    "folds": [list(fold.groups) for fold in judged],
                },
                "model": {"kind": "tree"},
                "classifiers": [
                    {
                        "random_windows_optimistic": chosen.get("random_windows_optimistic"),
                        "choices": {
                            k: v for k, v in chosen.items() if k not in ("name", "random_windows_optimistic")
                        },
                    }
                    for chosen in choices.trees
                ],
                "choices": {
                    "window": choices.window,
                    "rate": choices.rate,
                    "sensors": choices.sensors,
                    "features": choices.features,
                },
                "sources": {
                    "choices": "computed: cross-validation over the groups that were learnt from",
                    "random_windows_optimistic": "computed: windows split at random; neighbours land on both "
                    "sides, so this is too good",
                },
            },
            tuple(choices.notes),
            (*mounted_trees(made), *choices.warnings),
            of_trees(made),
            levels=(Level("the trained tree", against_fitted(config, made.fitted, made.tasks)),),
            files={"features.arff": arff.arff_text(table).encode()},
            folds=tuple(judged),
        )

    def glance(self, lesson: Lesson, say: Progress, kept: Kept | None = None) -> Glance:
        """Learn trees of all groups, and others fold by fold as they are asked for: what a search asks.

        Lessons on the same logs may share what is ``kept``.
        """
        logs = lesson.prepared.dataset
        # what is known of recordings goes by where they lie in memory: they are kept beside it
        _, known = (kept or Kept()).get(f"known of {id(logs)}", lambda: (logs, Known()))
        made = train_mlc(lesson, say, known, explained=False)

        def judged() -> Iterator[Glimpse]:
            columns = [task.column for task in made.tasks]
            for groups in folds(lesson.share, columns, lesson.experiment.seed, cheap.FOLDS):
                traces = _fold(lesson, groups, known).traces
                answers = tuple(
                    window_metrics(
                        [truth for trace in traces for truth in trace.truth(task.column)],
                        [answer for trace in traces for answer in trace.answers[k]],
                        task.classes,
                    )
                    for k, task in enumerate(made.tasks)
                )
                if all(one.windows for one in answers):
                    yield Glimpse(groups, answers)

        return Glance(made.config, judged())


def _fold(lesson: Lesson, groups: tuple[str, ...], known: Known) -> Fold:
    """Make every choice again without some groups, and simulate the core on their recordings."""
    share = lesson.share
    kept = share.test_groups if share.kept else ()
    without = replace(lesson, share=replace(share, test_groups=(*kept, *groups), kept=True))
    made = train_mlc(without, known=known, explained=False)
    recordings = [r for r in made.dataset if r.group in groups]
    return Fold(groups, tuple(trace_of(r, simulate(made.config, r, rate="as-is")) for r in recordings))


TREE = RegisterTree()
