"""What rules refuse while a net is read: collected, so that all of it is said at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sensorai.errors import ConfigError, InternalError, Problem, Refused
from sensorai.importers.known import NeedsConstant


class TooMuch(ConfigError):
    """What a file asks for is beyond a bound: reading ends here."""


class Follows(ConfigError):
    """Something is missing that a refused node would have made; that is not said again."""


class Refusals:
    """Refusals of one file, in the order of its nodes."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []
        self._said: set[str] = set()

    def note(self, error: ConfigError, unsure: bool = False) -> None:
        """Note what a node was refused for, each message once.

        Parameters
        ----------
        unsure : bool
            The node reads what stands in for results of another that was refused. Whether its numbers would
            be known is not known then, so that nothing is said of that.

        Raises
        ------
        TooMuch
            Where it is one.
        """
        if isinstance(error, TooMuch):
            raise error
        consequence = isinstance(error, Follows) or (unsure and isinstance(error, NeedsConstant))
        if not consequence and error.message not in self._said:
            self._said.add(error.message)
            self.found.append(error)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Raise all that was noted at the end, in place of any error that came of it.

        A single one is raised as it is.
        """
        try:
            yield
        except InternalError:
            raise
        except Exception:
            if not self.found:
                raise
        if len(self.found) > 1:
            raise Refused([Problem(e.message, e.where, e.hint) for e in self.found]) from None
        if self.found:
            raise self.found[0] from None
