"""Live views in the terminal: a few lines that change, keys; plain lines where there is no terminal."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

    from sensorai.board.recorder import State
    from sensorai.board.tally import Tally, Watch

#: Seconds between two plain lines.
PLAIN_S = 10.0
_BAR = 24


class Keys:
    """Single keys from the terminal, which is put back as it was when this ends; nothing elsewhere."""

    def __init__(self) -> None:
        self._saved: list[object] | None = None

    def __enter__(self) -> Keys:
        with suppress(ImportError, OSError, ValueError):
            import termios
            import tty

            if sys.stdin.isatty():
                descriptor = sys.stdin.fileno()
                self._saved = termios.tcgetattr(descriptor)
                tty.setcbreak(descriptor)
        return self

    def __exit__(self, *_: object) -> None:
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]
            self._saved = None

    def read(self) -> str:
        """Keys that were pressed since the last call."""
        if self._saved is None:
            return ""
        import os
        import select

        out = ""
        with suppress(OSError):
            while select.select([sys.stdin], [], [], 0)[0]:
                data = os.read(sys.stdin.fileno(), 64)
                if not data:
                    break
                out += data.decode("utf-8", "ignore")
        return out


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that Ctrl-C, a closed terminal or ``kill`` set; a second Ctrl-C interrupts as usual."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    old: dict[signal.Signals, object] = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                number = signal.Signals[name]
                old[number] = signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


class Plain:
    """A line now and then, for pipes and files; ``quiet`` keeps even those back."""

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._last = time.monotonic()
        self._step = ""

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            print(text, flush=True)  # noqa: T201

    def pressed(self) -> str:
        """No keys."""
        return ""

    def show(self, state: State) -> None:
        """Print a line when it is time."""
        if state.step and state.step != self._step:
            self._step = state.step
            self.say(f"next, {state.step}")
        if time.monotonic() - self._last >= PLAIN_S and not state.pause:
            self._last = time.monotonic()
            self.say(one_line(state))


class Screen:
    """A few lines that change, on a terminal; a context manager."""

    def __init__(self, console: Console, keys: Keys) -> None:
        self._console = console
        self._keys = keys
        self._live: Live | None = None
        self._span: dict[str, float] = {}

    def __enter__(self) -> Screen:
        from rich.live import Live

        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """Print a line above."""
        self._console.print(text)

    def pressed(self) -> str:
        """Keys that were pressed."""
        return self._keys.read()

    def show(self, state: State) -> None:
        """Draw anew."""
        if self._live is not None:
            self._live.update(self.picture(state), refresh=True)

    def picture(self, state: State) -> RenderableType:
        """What is on the screen."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        lines: list[RenderableType] = []
        if state.step:
            lines.append(Text(state.step, style="bold"))
        if state.pause:
            lines.append(Text(f"begins in {state.pause:.0f} s  (blank: now, Ctrl-C: stop)"))
            return Group(*lines)
        lines.append(Text(one_line(state)))
        if state.silent_s > 3:
            lines.append(Text(f"nothing has come for {state.silent_s:.0f} s", style="bold red"))
        if state.labels:
            keys = "  ".join(
                f"[{i}] {label}" + (" <" if label == state.label else "")
                for i, label in enumerate(state.labels, 1)
            )
            lines.append(Text(f"{keys}  [0] none  [q] stop"))
        table = Table.grid(padding=(0, 2))
        for name, value in zip(state.columns[:16], state.values, strict=False):
            table.add_row(name, f"{value:.6g}", self._bar(name, value))
        lines.append(table)
        return Group(*lines)

    def _bar(self, name: str, value: float) -> str:
        """A bar from the middle, scaled by the largest value seen."""
        span = self._span[name] = max(self._span.get(name, 0.0), abs(value), 1e-12)
        half = _BAR // 2
        length = round(abs(value) / span * half)
        left = "━" * length if value < 0 else ""
        right = "━" * length if value > 0 else ""
        return f"{left:>{half}}│{right:<{half}}"


def one_line(state: State) -> str:
    """How a recording stands, in a line."""
    asked = f" of {state.asked:g}" if state.asked else ""
    rate = f"{state.rate_hz:.5g} Hz" if state.rate_hz else "? Hz"
    text = f"{state.seconds:.1f}{asked} s  {rate}  {state.samples} samples"
    text += f", {state.lost} lost" if state.lost else ", none lost" if not state.gaps else ""
    if state.gaps:
        text += f", {state.gaps} gap{'s' if state.gaps > 1 else ''}"
    if state.damaged:
        text += f", {state.damaged} damaged"
    return f"{text}  {state.label}".rstrip()


@contextmanager
def view(quiet: bool) -> Iterator[Screen | Plain]:
    """Give the view that fits: a screen on a terminal, else plain lines."""
    from sensorai.cli import out as printing

    console = printing.console()
    if quiet or not console.is_terminal:
        yield Plain(quiet)
        return
    with Keys() as keys, Screen(console, keys) as screen:
        yield screen


class PlainResults:
    """A line for every change of a result register."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            print(text, flush=True)  # noqa: T201

    def watch(self, watch: Watch) -> None:
        """Print nothing: changes are."""

    def changed(self, tally: Tally, time_s: float) -> None:
        """Print the new class."""
        code = 0 if tally.code is None else tally.code
        self.say(f"{time_s:8.2f} s  {tally.register.title}: {tally.register.word(code)} ({code})")


class ScreenResults:
    """A table that changes, on a terminal."""

    def __init__(self, live: Live, picture: Callable[[Watch], RenderableType]) -> None:
        self._live = live
        self._picture = picture

    def say(self, text: str) -> None:
        """Print a line above."""
        self._live.console.print(text)

    def watch(self, watch: Watch) -> None:
        """Draw anew."""
        self._live.update(self._picture(watch), refresh=True)

    def changed(self, tally: Tally, time_s: float) -> None:
        """Wait for the next drawing."""


@contextmanager
def results(
    picture: Callable[[Watch], RenderableType], quiet: bool
) -> Iterator[PlainResults | ScreenResults]:
    """Give the view of results that fits: a table on a terminal, else a line for every change."""
    from rich.live import Live

    from sensorai.cli import out as printing

    console = printing.console()
    if quiet or not console.is_terminal:
        yield PlainResults(quiet)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield ScreenResults(live, picture)
