"""The command line: one file per verb; each parses, calls the library and prints."""

from __future__ import annotations

import os
import sys

from sensorai.errors import InternalError, SensoraiError


def main() -> None:
    """Run the command line; exit 0 good, 2 user error, 3 mismatch found, 130 interrupted."""
    # ``sensorai devices | head`` must not end in a traceback
    try:
        code = _run()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run() -> int:
    from sensorai.cli.app import app

    try:
        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except InternalError:
        raise
    except SensoraiError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; nothing was half-written", file=sys.stderr)  # noqa: T201
        return 130
    except MemoryError:
        print("error: out of memory\nhint: give fewer or shorter logs at once", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _complain(error: SensoraiError) -> None:
    lines = [f"error: {error.message}"]
    if error.where:
        lines.append(f"where: {error.where}")
    if error.hint:
        lines.append(f"hint:  {error.hint}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
