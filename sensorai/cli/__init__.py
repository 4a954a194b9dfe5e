"""The command line: one file per verb; each parses, calls the library and prints."""

from __future__ import annotations

import os
import sys

from sensorai.errors import InternalError, Refused, SensoraiError, UserError


def main() -> None:
    """Run the command line; exit 0 good, 2 user error, 3 mismatch found or no room, 130 interrupted."""
    # ``sensorai devices | head`` must not end in a traceback
    from sensorai.cli.out import clean_streams

    try:
        with clean_streams():
            code = _run()
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code)


def _run() -> int:
    import typer

    from sensorai.cli.app import app

    try:
        # standalone mode would word usage errors its own way and keep Ctrl-C to itself
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False, prog_name="sensorai")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except InternalError:
        raise
    except SensoraiError as error:
        _complain(error)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except MemoryError:
        _complain(UserError("out of memory", hint="give fewer or shorter logs at once"))
        return 2
    except Exception as error:
        # usage errors of the option parser, which each version of typer takes from another module
        if not hasattr(error, "format_message"):
            raise
        _complain(_usage(error, error.format_message()))
        return 2
    if code == 130:
        print("interrupted; nothing was half-written", file=sys.stderr)  # noqa: T201
    return code if isinstance(code, int) else 0


def _usage(error: Exception, text: str) -> UserError:
    """Word a usage error, with the options of the command it is about."""
    from sensorai.cli.app import VERBS
    from sensorai.cli.usage import usage_error

    context = getattr(error, "ctx", None)
    options = [option for param in context.command.params for option in param.opts] if context else []
    return usage_error(text, context.command_path if context else "sensorai", options, list(VERBS))


def _complain(error: SensoraiError) -> None:
    from sensorai.writing.terminal import in_line

    # what else stands in a line of its own is no text from outside that holds an end of a line
    parts = error.parts() if isinstance(error, Refused) else [error.message]
    lines = ["\n  also: ".join(map(in_line, [f"error: {parts[0]}", *parts[1:]]))]
    if error.where:
        lines.append(f"where: {in_line(error.where)}")
    if error.hint:
        lines.append(f"hint:  {error.hint}")
    print("\n".join(lines), file=sys.stderr)  # noqa: T201
