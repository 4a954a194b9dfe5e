"""The proof: what was emitted, run at every level that there are tools for, and compared window by window."""

from __future__ import annotations

from collections.abc import Sequence

from sensorai.road import Artifact, Backend, Level, Progress, Proof, Trace


def prove(
    backend: Backend,
    artifact: Artifact,
    traces: Sequence[Trace],
    say: Progress,
    more: Sequence[Level] = (),
    on: Sequence[str] | None = None,
) -> Proof:
    """Run what was emitted at every level that there are tools for, and compare every window."""
    done = []
    levels = [*more, *backend.levels(artifact, on)]
    for k, level in enumerate(levels):
        say(f"comparing with {level.name}")
        say.within(k / len(levels))
        done.append((level, None if level.check is None else level.check(traces)))
    return Proof(tuple(traces), tuple(done))
