"""A program that learns on the virtual ISPU, against the reference: commands, results, saved knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorai.cproject.learning import FEW, MOST, restore
from sensorai.ispu.project import COMMANDS, App
from sensorai.ispu.virtual import VirtualIspu
from sensorai.model.pipeline import Int16, Pipeline
from sensorai.model.session import Session

#: Commands by name.
CODE = {name: code for code, name in COMMANDS.items()}
#: Added to a command that is given again.
AGAIN = 0x100

#: A value of the command registers, and for how many samples they hold it.
Step = tuple[int, int]


def first_difference(
    pipeline: Pipeline,
    app: App,
    files: Mapping[str, str | bytes],
    steps: Sequence[Step],
    samples: Int16,
    exchange: bytes = b"",
) -> tuple[str, bytes]:
    """Run steps on the virtual core and the reference.

    Parameters
    ----------
    pipeline : Pipeline
        One that learns.
    app, files
        Its project.
    steps : sequence of (command, samples)
        The first sample starts the core and belongs to none.
    samples : int16 array, shape (1 + samples of all steps, channels)
    exchange : bytes
        What the host has written to data RAM before the start.

    Returns
    -------
    difference : str
        What differs first; empty where nothing does.
    exchange : bytes
        What lies in data RAM at the end, by the reference.
    """
    core = VirtualIspu(app, files)
    lies = exchange or bytes(app.blob)
    core.exchange[:] = np.frombuffer(lies, np.uint8)
    held = np.repeat([0, *(command for command, _ in steps)], [1, *(count for _, count in steps)])
    got = core.run(samples, commands=held.astype(np.uint16))
    status = got.registers.view("<u4")[:, 1 + app.scores]
    session, at, learning, last = Session(pipeline), 1, False, 0
    code, rows = 0, list[list[int]]()
    for place, (command, count) in enumerate(steps):
        if command != last:
            last, kind = command, COMMANDS.get(command & 0xFF, "")
            code, learning = 0, learning if kind not in ("detect", "learn", "freeze") else kind == "learn"
            if kind == "freeze":
                code = 0 if session.freeze() else FEW
            elif kind == "save":
                lies = session.save()
            elif kind == "restore":
                code = restore(session, lies)
            elif kind == "forget":
                session.forget()
            elif not kind:
                code = -1
        piece = samples[at : at + count]
        if learning:
            session.learn(piece)
        else:
            t = session.detect(piece)
            rows += np.stack([t.end, *t.scores[:, : app.scores].T, t.answer, t.decided], 1).tolist()
        at += count
        expected = last & 0xFF | (code & 0xFF) << 8 | session.knowledge.moments.count << 16
        if status[at - 1] != expected:
            return f"step {place}: the status is {status[at - 1]:08X}, not {expected:08X}", lies
    found = got.results
    mine = np.stack([found, *got.scores[found].T, got.answer[found], got.decided[found]], 1).tolist()
    if mine != rows:
        row = next(
            (i for i, pair in enumerate(zip(mine, rows, strict=False)) if pair[0] != pair[1]), len(rows)
        )
        return f"result {row} of {len(mine)} differs from that of the reference ({len(rows)})", lies
    if core.exchange.tobytes() != lies:
        return "the knowledge in data RAM differs", lies
    return "", lies


def exercise(samples: Int16) -> tuple[list[Step], Int16]:
    """Turn a recording into steps with every command."""
    kinds = ("detect", "forget", "learn", "freeze", "save", "learn", "restore", "freeze", "save")
    room = max(len(samples) - 1, 0) // len(kinds)
    steps = [(CODE[kind], room) for kind in kinds]
    return steps, samples[: 1 + room * len(kinds)]


def compare(
    pipeline: Pipeline, app: App, files: Mapping[str, str | bytes], samples: Int16
) -> tuple[int, str]:
    """Run `exercise` on the first samples of a recording; windows, and the first difference."""
    steps, fed = exercise(samples[:MOST])
    if len(fed) < len(steps):
        return 0, ""
    windows = (len(fed) - 1 - pipeline.window) // pipeline.stride + 1
    return max(windows, 0), first_difference(pipeline, app, files, steps, fed)[0]
