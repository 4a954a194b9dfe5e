"""What a register file holds, whatever its syntax: operations, results, identifiers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

#: FIFO tags of filter outputs and features (source: facts, mlc-format section 3).
TAG_FILTER, TAG_FEATURE = 0x1B, 0x1C


@dataclass(frozen=True, slots=True)
class Write:
    """Write ``value`` to ``register``. ``line`` is the line in the file, 0 when there is none."""

    register: int
    value: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait ``ms`` milliseconds."""

    ms: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Read:
    """Read ``register`` and drop the value."""

    register: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Poll:
    """Read ``register`` until all bits of ``mask`` are 1 (``until_set``) or 0."""

    register: int
    mask: int
    until_set: bool
    line: int = field(default=0, compare=False)


Op = Write | Delay | Read | Poll


@dataclass(frozen=True, slots=True)
class Output:
    """One result register, or several in a row.

    Attributes
    ----------
    name : str
        ``Categorical output`` (tools 2.x), ``DT1``, ``FSM1``; on the ISPU whatever the program says.
    register_name : str
        ``MLC1_SRC``, ``FSM_OUTS1``, ``ISPU_DOUT_00_L``.
    results : tuple of (code, class name)
    core : str
        ``MLC``, ``FSM`` or ``ISPU``.
    register : int or None
        Address in the core's bank; None where the file does not say.
    type, length : str, int
        C type of one value and how many there are; ``uint8_t`` and 1 on MLC and FSM.
    """

    name: str
    register_name: str
    results: tuple[tuple[int, str], ...] = ()
    core: str = "MLC"
    register: int | None = None
    type: str = "uint8_t"
    length: int = 1


@dataclass(frozen=True, slots=True)
class Identifier:
    """Name and page address of a filter output (``tag`` 1Bh) or feature value (1Ch)."""

    tag: int
    address: int
    label: str


@dataclass(frozen=True, slots=True)
class RegisterFile:
    """A register file of any syntax.

    Attributes
    ----------
    ops : tuple of Op
        In file order; equality ignores their lines.
    device : str
        As the file spells it, without trailing underscores; empty where it does not say.
    tool : str
        Tool and version: ``MLC Tool 2.3.7``, ``Machine Learning Core Tool v1.16.0.0``.
    outputs : tuple of Output
    identifiers : tuple of Identifier
    comments : tuple of str
        Comment lines that mean nothing else.
    source : str
        Name of the file it was read from, for messages.
    description, date : str
        As JSON files have them; empty where the file has none.
    also : tuple of str
        Further devices the file is for, with the same registers.
    """

    ops: tuple[Op, ...]
    device: str = ""
    tool: str = ""
    outputs: tuple[Output, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    comments: tuple[str, ...] = ()
    source: str = ""
    description: str = ""
    date: str = ""
    also: tuple[str, ...] = ()


#: Tool with a dotted version, then the device, alone or in brackets after a board's name.
_TOOL = re.compile(
    r"(?P<tool>[^,<>]*\d\.\d[^,<>]*)(?:,\s*(?:[\w-]+\s+\()?(?P<device>[A-Za-z][A-Za-z0-9]*)_*\)?)?"
)
_RESULTS = re.compile(r"<(?P<register>\w+)>(?P<rest>.*)")
_RESULT = re.compile(r"(\d{1,3})='(.*)'\s*")
_IDENTIFIER = re.compile(r"(?P<label>\S+)\s*->\s*(?P<address>[0-9A-Fa-f]{1,4})h")

#: Longest comment line that is searched for a tool's name.
_LONGEST = 300


class Comments:
    """Collects what comment lines say: tool, device, results, identifiers, and the rest."""

    def __init__(self) -> None:
        self.tool = self.device = ""
        self.outputs: list[Output] = []
        self.identifiers: list[Identifier] = []
        self.rest: list[str] = []

    def take(self, text: str) -> None:
        """Sort one comment line in."""
        text = text.strip()
        results, identifier = _RESULTS.fullmatch(text), _IDENTIFIER.fullmatch(text)
        if results:
            self.outputs.append(_output(results["register"], results["rest"]))
        elif identifier:
            tag = TAG_FILTER if identifier["label"].upper().startswith("FILTER") else TAG_FEATURE
            self.identifiers.append(Identifier(tag, int(identifier["address"], 16), identifier["label"]))
        elif text:
            tool = _TOOL.fullmatch(text) if len(text) <= _LONGEST else None
            if tool:
                self.device = self.device or tool["device"] or ""
            if tool and not self.tool:
                self.tool = tool["tool"].strip()
            else:
                self.rest.append(text)


def _output(register_name: str, rest: str) -> Output:
    """``DT1,0='a',4='b'`` as an output; the name is what stands before the first result."""
    name, *entries = re.split(r",\s*(?=\d{1,3}=')", rest)
    found = [match for entry in entries if (match := _RESULT.fullmatch(entry)) and int(match[1]) < 256]
    return Output(
        name=name.removesuffix(","),
        register_name=register_name,
        results=tuple((int(match[1]), match[2]) for match in found),
        core=next((core for core in ("FSM", "ISPU") if register_name.startswith(core)), "MLC"),
    )
