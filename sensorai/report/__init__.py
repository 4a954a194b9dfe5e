"""What came of it: one value, shown as an HTML page with drawings, as text for the terminal, and as JSON.

`Report` holds what ``report.json`` says. Its shape is one for all targets (``mlc``, ``ispu``, ``stm32``) and
tasks (``classify``, ``anomaly``), for a training and for a validation; what does not apply is absent.

The head::

    format      "sensorai-report"
    version     2
    sensorai    version of the program that wrote it
    by          "train" or "validate"
    task        "classify" or "anomaly"
    target, device, name
    warnings    [str]: what must be read first

Then a key for each section, with its figures::

    data        recordings: [{name, group, samples, seconds, test}]; groups, test_groups: [str]
                (test_groups: kept from learning; none where folds judge); folds: [[group]]
                classifiers in C: windows: {train, test}
                detectors in C: parts: {learn, calibrate, test: {groups, recordings, normal_hours,
                normal_windows, anomalous_windows}}
    settings    rate_hz, window, window_s, stride (samples), seed
                mlc: sensors: {slot: {rate_hz, full_scale}}; C: channels: [{name, unit, lsb}], wins
    model       kind, precision, learns (whether it can go on learning on the device)
    features    each: [{name, formula}], filters: [str]
    classifiers [{name, column, classes: [{name, code}], held_out}]; one for each tree of the core, one for C
                held_out: {answer, decided, answer_events, decided_events, by_group}: windows and events
                before and after the decision filter (of the core: the meta-classifier); of a training: of
                the test groups, or, without any, of all folds together: each group by a model that did not
                learn from it
                of a training: folds: {each: [{groups, windows, accuracy, balanced_accuracy}], accuracy,
                balanced_accuracy: {mean, deviation}, worst_group: {name, answer_accuracy}}
                mlc: register, tree: {nodes, depth, end_counters, text, root, rows: [[feature, threshold,
                left, right]]} (a child below 0 is a result: its code is -1 - child)
                of a training: random_windows_optimistic: {accuracy, balanced_accuracy}
                mlc: choices: {pruning, cross_validated, end_counters}; C: accuracy: {integer, float:
                {train, folds, test}}
    events      (where events open the windows) labels, opened (windows);
                found: {events, found, share, low, high, by_label};
                false: {recordings, with_alarm, share, low, high, by_label, time: a rate}
    alarms      (anomaly) normal, unseen, faults: labels; false_alarms, detection, curve
                detectors: list (every alarm), drift, made_up (changed normal windows: kind, sizes: size,
                windows, found); in C: float (area under the curve of the float model)
    threshold   (detectors) value, words, target_per_hour, calibration, windows_an_hour, confidence
    proof       what (is compared), levels: [{level, windows, first_divergence} or {level, missing}]
    cost        mlc: registers: {writes, nodes, nodes_limit}
                C: library: {core, flash, ram, stack, instructions_mean, instructions_most,
                instructions_sample, cycles, seconds, joules}; program: of an ISPU, as its stand-in has it;
                layers: [{name, macs, weight_bytes, activation_bytes, instructions}]; learning
    choices     mlc: window, sensors, features: what was tried; C: size: {chosen, why, source, tried}
    learning    (nets) curve: a row for each epoch; verdict: {fit, why}
    notes       [str]
    sources     where figures come from, by what they are

Sections of the page and of the text are modules of `sensorai.report.sections`; ``ORDER`` there names them. A
new one is a module, a template beside it, and a line in that list.
"""

from sensorai.report.value import Report

__all__ = ["Report"]
