"""What was tried on the way to registers, and why the winner won."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Choices:
    """What was tried on the way and why the winner won; goes into the report as it is.

    ``warnings`` are what the report says first, ``notes`` what it says last.
    """

    window: list[dict[str, object]] = field(default_factory=list)
    rate: list[dict[str, object]] = field(default_factory=list)
    sensors: list[dict[str, object]] = field(default_factory=list)
    features: list[dict[str, object]] = field(default_factory=list)
    trees: list[dict[str, object]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
