"""An alarm where it is not normal any more, by a detector of the normal state or a classifier of faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sensorai.errors import DataError
from sensorai.experiment import Experiment
from sensorai.learn import faults, states
from sensorai.learn.split import TEST
from sensorai.recording import LABEL, Dataset
from sensorai.road import Detector, Figures, Learnt, Opened, Proof, Share
from sensorai.tasks import classify
from sensorai.verify import alarms, anomaly, disturb, verdict


class Anomaly:
    """The task ``anomaly``."""

    def share(self, dataset: Dataset, experiment: Experiment, test: Dataset | None) -> Share:
        """Normal recordings to learn from, to set the threshold, and to test; every anomaly tests."""
        if not experiment.one_class:
            faults.check_faults(dataset, LABEL, experiment.normal)
            return classify.TASK.share(dataset, experiment, test)
        return states.share_out(
            dataset,
            LABEL,
            experiment.normal,
            experiment.normal_unseen,
            experiment.seed,
            experiment.split,
            TEST if experiment.test_share is None else experiment.test_share,
            experiment.test_groups,
            test,
        )

    def judge(self, experiment: Experiment, learnt: Learnt, proof: Proof) -> Figures:
        """Windows as a classifier's, and alarms: false ones an hour, found ones and how late."""
        figures = classify.TASK.judge(experiment, learnt, proof)
        if learnt.detector is None:
            classes = tuple(learnt.classifiers[0].classes.values())
            names = (*states.normal_names(classes, experiment.normal), *experiment.normal_unseen)
            return {**figures, **faults.as_alarms(learnt.judged(proof), names, experiment.seed)}
        detector = learnt.detector
        logs = [detector.scored(t) for t in proof.traces]
        decisions = [alarms.decisions(t.decided[0]) for t in proof.traces]
        found = anomaly.judge_alarms(logs, decisions, experiment.seed)
        contradictions = anomaly.contradiction(detector.chosen, found, detector.parts.unseen)
        made_up = _made_up(detector, max((t.window for t in proof.traces), default=0), experiment.seed)
        by_name = {t.recording.name: t for t in proof.traces}
        return {
            **figures,
            "threshold": anomaly.threshold_dict(detector.chosen),
            "alarms": {
                **detector.parts.labels(),
                **found,
                **detector.figures(logs, proof.traces),
                "made_up": made_up,
                "list": [
                    {**alarm, "because": detector.because(by_name[alarm["recording"]], alarm["window"])}
                    for alarm in anomaly.alarm_list(logs, decisions)
                ],
                "drift": anomaly.drift(logs, detector.chosen.value),
            },
            "warnings": verdict.of_alarms(found, contradictions, made_up),
            "sources": SOURCES,
        }

    def labelled(self, opened: Opened, dataset: Dataset) -> tuple[Dataset, list[str]]:
        """Of a detector: normal, or anomaly; a classifier of known faults answers labels."""
        if not opened.states:
            return classify.TASK.labelled(opened, dataset)
        column, normal = _normal(opened)
        return states.with_states(dataset, column, normal), [states.STATE]

    def rejudge(self, opened: Opened, columns: Sequence[str], proof: Proof) -> Figures:
        """Windows and events; of a detector, alarms too."""
        found = classify.TASK.rejudge(opened, columns, proof)
        if not opened.states:
            return found
        column, normal = _normal(opened)
        return {**found, **faults.as_alarms(proof.traces, normal, 0, column, (states.NORMAL,))}


def _made_up(detector: Detector, window: int, seed: int) -> list[dict[str, Any]]:
    """Windows above the threshold, for made-up faults of every kind and size; none for short logs."""
    chosen, parts = detector.chosen, detector.parts
    normal = [r for r in parts.test if any(s.label == states.NORMAL for s in r.labels[states.STATE])]
    out: dict[str, list[dict[str, Any]]] = {}
    for kind, i, changed in disturb.disturbed(normal, window, LABEL, seed):
        scores = [log.scores[log.truth == alarms.NORMAL] for log in detector.rescored(changed)]
        every = np.concatenate(scores) if scores else np.zeros(0, np.int64)
        if not len(every):
            return []
        found = int((every > chosen.value).sum())
        words = kind.sizes[i][1]
        out.setdefault(kind.name, []).append({"size": words, "windows": len(every), "found": found})
    return [{"kind": name, "sizes": sizes} for name, sizes in out.items()]


def _normal(opened: Opened) -> tuple[str, list[str]]:
    """Label column of the states, and which labels are normal."""
    try:
        return str(opened.states["column"]), [str(n) for n in opened.states["normal"]]
    except (KeyError, TypeError):
        raise DataError(
            "model.sai does not say which labels are normal", where=str(opened.path), hint="train again"
        ) from None


#: Where the figures of a detector come from.
SOURCES = {
    "alarms": "computed: the model on recordings that training did not see; every level listed gives the "
    "same bits",
    "made_up": "computed: normal recordings of the test, changed; what a machine can do, no fault of one",
    "threshold": "computed on normal recordings that were neither learnt from nor tested on",
    "intervals": "false alarms: one-sided exact Poisson bounds; shares: Wilson; bands of curves: recordings "
    "drawn again and again",
}


TASK = Anomaly()
