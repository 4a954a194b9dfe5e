"""Decision trees for the machine learning core."""

from __future__ import annotations

from sensorai.learn.judge import against_fitted, feature_table
from sensorai.learn.mlc import train_mlc
from sensorai.learn.warn import mounted_trees, of_trees
from sensorai.mlc import arff
from sensorai.mlc.labels import feature_names
from sensorai.road import Classifier, Learnt, Lesson, Level, Progress
from sensorai.verify.shape import listed


class RegisterTree:
    """One tree for each question."""

    def learn(self, lesson: Lesson, say: Progress) -> Learnt:
        """Search window, sensors and features, prune, assign codes, choose end counters."""
        made = train_mlc(lesson, say)
        config, choices = made.config, made.choices
        classifiers = []
        for task, dt in zip(made.tasks, config.trees, strict=True):
            code = {label: c for c, label in dt.labels.items()}
            classifiers.append(
                Classifier(task.name, task.column, {code[name]: name for name in task.classes})
            )
        table = feature_table(config, made.dataset, made.tasks[0].column, feature_names(config))
        return Learnt(
            config,
            tuple(classifiers),
            tuple(r for r in made.dataset if r.group in made.test_groups),
            made.test_groups,
            tuple(g for g in made.dataset.groups() if g not in made.test_groups),
            {
                "data": {
                    "recordings": listed(made.dataset, made.test_groups),
                    "groups": list(made.dataset.groups()),
                    "test_groups": list(made.test_groups),
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
                    "sensors": choices.sensors,
                    "features": choices.features,
                },
                "sources": {
                    "choices": "computed: cross-validation over the training groups",
                    "random_windows_optimistic": "computed: windows split at random; neighbours land on both "
                    "sides, so this is too good",
                },
            },
            tuple(choices.notes),
            (*mounted_trees(made), *choices.warnings),
            of_trees(made),
            levels=(Level("the trained tree", against_fitted(config, made.fitted, made.tasks)),),
            files={"features.arff": arff.arff_text(table).encode()},
        )


TREE = RegisterTree()
