"""The error tree: what went wrong, where, and what to do about it.

Every error a user can cause carries one message, the place (file, line, column, register) and a
hint. The library raises; only ``sensorai.cli`` prints and chooses the exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class SensoraiError(Exception):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    message : str
        What is wrong, in one sentence.
    where : str
        The place: ``file:line``, a register, a settings key. Empty when there is none.
    hint : str
        What to do about it. Empty when there is nothing to say.
    """

    exit_code = 70

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.message]
        if self.where:
            lines.append(f"where: {self.where}")
        if self.hint:
            lines.append(f"hint: {self.hint}")
        return "\n".join(lines)

    @property
    def reason(self) -> str:
        """The message in one line; of several problems the first."""
        return " ".join(self.message.split())


class UserError(SensoraiError):
    """Something the user can mend: input, options, environment. Exit code 2."""

    exit_code = 2


class DataError(UserError):
    """A log, ARFF or register file that cannot be read or does not hold what is needed."""


class ConfigError(UserError):
    """Options or settings that contradict each other or have no meaning."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a target refuses a pipeline, with the way out."""

    message: str
    where: str = ""
    hint: str = ""


#: Most problems that one message lists.
SHOWN = 20


class Refused(UserError):
    """Everything that is against a request, all at once.

    Parameters
    ----------
    problems : sequence of Problem
        At least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        self.problems = tuple(problems)
        super().__init__("\n  also: ".join(self.parts()), where=first.where, hint=first.hint)

    def __reduce__(self) -> tuple[object, ...]:
        # another process raised it
        return type(self), (self.problems,)

    @property
    def reason(self) -> str:
        """Return the message of the first problem."""
        return " ".join(self.problems[0].message.split())

    def parts(self) -> list[str]:
        """Each problem in a line, the first ``SHOWN`` of them."""
        first = self.problems[0]
        lines = [first.message]
        for other in self.problems[1:SHOWN]:
            # place and hint of the first one are shown below all
            where = f", {other.where}" if other.where not in ("", first.where) else ""
            hint = f" ({other.hint})" if other.hint not in ("", first.hint) else ""
            lines.append(f"{other.message}{where}{hint}")
        if len(self.problems) > SHOWN:
            lines.append(f"and {len(self.problems) - SHOWN} more")
        return lines


class TargetError(Refused):
    """Everything a target has against a model."""


class ExperimentError(Refused):
    """Everything that is wrong with what was asked for."""


class ToolMissing(UserError):
    """An optional program or library is absent; the hint is the line that installs it."""


class VerifyMismatch(SensoraiError):
    """Two levels that must agree do not. Exit code 3; names the first difference."""

    exit_code = 3


class DoesNotFit(SensoraiError):
    """What was made is there, but its device has no room for it. Exit code 3; says how much is missing."""

    exit_code = 3


class InternalError(SensoraiError):
    """A fault of ours: an invariant is broken. The only error shown with a traceback."""
