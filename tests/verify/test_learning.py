"""Learning on the device: reference, C on this machine and Cortex-M agree, blobs byte for byte."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.codegen.project import emit_project
from sensorai.model.pipeline import Pipeline
from sensorai.model.session import Session
from sensorai.toolchain.host import build_program
from sensorai.verify import cproject
from tests.need import need
from tests.verify import learning


def expected(pipeline: Pipeline, commands: list[tuple[str, learning.Int16]]) -> bytes:
    """What `learning.MAIN` writes, by the reference."""
    one = Session(pipeline)
    code = np.int32(0)
    layout = cproject.record(pipeline)
    blob = one.save()
    before = 255
    seen = 0
    out = code.tobytes()
    for kind, samples in commands:
        code = np.int32(0)
        if kind == "freeze":
            code = np.int32(0 if one.freeze() else -2)
        elif kind == "forget":
            one.forget()
        elif kind == "save":
            blob = one.save()
            out += blob
        elif kind == "restore":
            one.restore(blob)
        elif kind == "learn":
            code = np.int32(one.learn(samples))
            seen += int(code)
        else:
            trace = one.detect(samples)
            rows = np.zeros(len(trace), layout)
            rows["window"] = seen + np.arange(len(trace))
            rows["score"], rows["answer"], rows["decided"] = trace.scores, trace.answer, trace.decided
            rows["changed"] = np.concatenate([[before], trace.decided[:-1]])[: len(trace)] != trace.decided
            before = int(trace.decided[-1]) if len(trace) else before
            seen += len(trace)
            out += rows.tobytes()
        out += code.tobytes()
    return out


KINDS = {
    "8 features": learning.learning(),
    "16 features, filter": learning.learning(16, filtered=True),
    "1 feature, no overlap": learning.learning(1, stride=16, wins=0),
    "5 features from nothing": learning.learning(5, started=False),
}
kinds = pytest.mark.parametrize("pipeline", KINDS.values(), ids=KINDS.keys())


@kinds
def test_host_equals_reference(pipeline: Pipeline) -> None:
    need("gcc")
    main = learning.MAIN.replace("NAME", pipeline.name).replace("MACRO", pipeline.name.upper())
    program = build_program({**emit_project(pipeline).sources(), "main.c": main}, sanitize=True)
    for seed in (1, 2, 3):
        commands = learning.chunks(seed)
        got = program.run(learning.stream(commands))
        assert got == expected(pipeline, commands)
