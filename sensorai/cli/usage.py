"""Usage errors of the option parser in our words: what is wrong, and what was probably meant."""

from __future__ import annotations

import re

from sensorai.errors import UserError
from sensorai.targets import closest

# versions of the parser word these differently, and some show the classes behind the choices
_CHOICE = re.compile(r"'(?P<value>[^']*)' is not one of (?P<choices>.*)", re.DOTALL)
_FOR = re.compile(r"Invalid value for '(?P<option>[^']*)': (?:Value error, )?(?P<what>.*)", re.DOTALL)
_MISSING = re.compile(r"Missing option '(?P<option>[^']*)'\.?(?: Choose from:(?P<choices>.*))?", re.DOTALL)
_OPTION = re.compile(r"No such option:? '?(?P<option>-[^\s']*)'?(?P<rest>.*)", re.DOTALL)
_COMMAND = re.compile(r"No such command '(?P<command>[^']*)'", re.DOTALL)


def usage_error(text: str, verb: str, options: list[str], verbs: list[str]) -> UserError:
    """Word an error of the option parser.

    Parameters
    ----------
    text : str
        What the parser says.
    verb : str
        The command it is about, as in ``sensorai train``.
    options : list of str
        Options of that command.
    verbs : list of str
        All commands.
    """
    message, near = _worded(text, options, verbs)
    see = f"{verb} --help"
    return UserError(message, hint=f"{near}; {see}" if near else see)


def _worded(text: str, options: list[str], verbs: list[str]) -> tuple[str, str]:
    """Message, and what was probably meant (empty: no idea)."""
    if found := _FOR.match(text):
        choice = _CHOICE.search(found["what"])
        if choice is None:
            return f"{found['option']}: {found['what']}", ""
        names = re.findall(r"'([^']*)'", choice["choices"])
        return f"{found['option']} {choice['value']!r} is none of {', '.join(names)}", _meant(
            choice["value"], names
        )
    if found := _MISSING.match(text):
        names = re.findall(r"[^\s,]+", found["choices"] or "")
        return f"{found['option']} is missing" + (f": one of {', '.join(names)}" if names else ""), ""
    if found := _OPTION.match(text):
        return f"there is no option {found['option']}", _meant(found["option"], options)
    if found := _COMMAND.match(text):
        return f"there is no command {found['command']!r}", _meant(found["command"], verbs)
    return text, ""


def _meant(value: str, names: list[str]) -> str:
    hint = closest(value, names)
    return hint if hint.startswith("did") else ""
