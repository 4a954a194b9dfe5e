"""C of a net whose numbers lie outside of it: all of them are read through one pointer to a structure.

What training changes (weights, multipliers, shifts, zero points, tables of functions) is in the structure:
the bytes of another net of the same form take its place. What stays in the text of the C is the form. The
text's digest is therefore the interface of a program: a blob is made for it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from sensorai import runtime
from sensorai.codegen import literals
from sensorai.codegen.blob import digest
from sensorai.codegen.net import SIZES, _Typed, typed
from sensorai.codegen.parts import Call, CodeParts
from sensorai.codegen.structures import patches
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Pow2
from sensorai.graph.tensor import Array, Tensor
from sensorai.writing import clang

#: Bytes that tables are aligned to.
_ALIGN = 8
#: Types of single numbers in C and in memory.
_NUMBERS: Mapping[str, tuple[str, str]] = {
    "int32": ("int32_t", "<i4"),
    "float32": ("float", "<f4"),
    "int64": ("int64_t", "<i8"),
    "float64": ("double", "<f8"),
}
#: Types of tables in memory.
_MEMORY: Mapping[str, str] = {
    **{
        f"{sign}int{bits}_t": f"<{sign[:1] or 'i'}{bits // 8}"
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float": "<f4",
    "double": "<f8",
}
#: Values that are known when the program runs: numbers, and where code lies.
_MOVED = re.compile(r"\btables->|\bsa_nd_of_")
#: Members that single numbers are narrowed for.
_NARROW = ("int8_t", "uint8_t", "int16_t", "uint16_t")
_NUMBER = re.compile(r"\btables->(n\d+)\b")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the structure.

    Attributes
    ----------
    name, kind : str
        Its type in C.
    values : ndarray
        In one row.
    single : bool
        No array.
    said : str
        Of what tensor it is, where it is one; a text from outside.
    """

    name: str
    kind: str
    values: Array
    single: bool = False

    @property
    def data(self) -> bytes:
        """As it lies in memory."""
        return np.ascontiguousarray(self.values).astype(_MEMORY[self.kind]).tobytes()

    @property
    def declaration(self) -> str:
        """Line of the structure."""
        return f"    {self.kind} {self.name}{'' if self.single else f'[{self.values.size}]'};\n"

    @property
    def initialiser(self) -> str:
        """Line of the structure's values."""
        _, written = literals.array_parts(self.kind, self.name, self.values.tolist())
        if self.single:
            written = " ".join(written.strip("{}").split()).rstrip(",")
        return f".{self.name} = {written},\n"


@dataclass(frozen=True, slots=True)
class Tables:
    """Numbers of a net.

    Attributes
    ----------
    members : tuple of Member
    interface : bytes
        SHA-256 of everything but their values.
    """

    members: tuple[Member, ...]
    interface: bytes

    @property
    def data(self) -> bytes:
        """The structure as it lies in memory."""
        return b"".join(one.data for one in self.members)


def emit_updatable(
    graph: Graph,
    prefix: str,
    *,
    inside: Collection[str] = (),
    more: str = "",
    optimize: str = "balanced",
) -> tuple[CodeParts, Tables]:
    """Emit ``static void PREFIX_model(..., uint8_t *arena, const PREFIX_tables_t *tables)``.

    Parameters
    ----------
    graph, prefix, inside, optimize
        As ``net.emit_tensors`` takes them.
    more : str
        What belongs to the interface beside the C.

    Raises
    ------
    ConfigError
        As ``net.emit_tensors``; or there is no number that could change.
    """
    name = clang.identifier(prefix)
    made: list[_Updatable] = []

    def keep(*given: object) -> _Updatable:
        made.append(_Updatable(*given))  # type: ignore[arg-type]
        return made[0]

    parts = typed(replace(graph, changing=True), name, f"{name}_model", keep, inside, optimize)
    members = _laid(made[0])
    if not members:
        raise ConfigError("the net has no number that another training would change")
    told = "".join(one.declaration for one in members)
    pieces = [more, told, *(one.text for one in parts.definitions), parts.source, str(parts.arena_bytes)]
    pieces += [runtime.text(file) for file in parts.runtime]
    return parts, Tables(tuple(members), digest([one.encode() for one in pieces]))


def _laid(made: _Updatable) -> list[Member]:
    """Members in order: first those of eight bytes, single numbers, then tables, each on its boundary."""
    singles = [*_of_ports(made.graph), *made.numbers]
    order = sorted(singles, key=lambda one: -len(one.data))
    out: list[Member] = []
    size = 0
    for one in (*order, *made.members):
        if not one.single and (gap := -size % _ALIGN):
            out.append(Member(f"gap{len(out)}", "uint8_t", np.zeros(gap, np.uint8)))
            size += gap
        out.append(one)
        size += len(one.data)
    if gap := -size % _ALIGN:
        out.append(Member(f"gap{len(out)}", "uint8_t", np.zeros(gap, np.uint8)))
    return out


def _of_ports(graph: Graph) -> list[Member]:
    """Scales and zero points of inputs and outputs: they change, too."""
    out = []
    for role, names in (("in", graph.inputs), ("out", graph.outputs)):
        for k, name in enumerate(names, 1):
            found = scale_of(graph.tensors[name])
            if found is not None:
                out.append(
                    Member(f"{role}_{k}_scale", "float", np.array([found[0]], np.float32), single=True)
                )
                out.append(Member(f"{role}_{k}_zero", "int32_t", np.array([found[1]]), single=True))
    return out


def scale_of(tensor: Tensor) -> tuple[float, int] | None:
    """Scale and zero point of all numbers of a tensor, where it has them."""
    quant = tensor.quant
    if isinstance(quant, Affine) and len(quant.scale) == 1:
        return quant.scale[0], quant.zero[0]
    return (2.0**-quant.places, 0) if isinstance(quant, Pow2) else None


@dataclass(slots=True)
class _Updatable(_Typed):
    """Numbers become members of a structure; descriptions of layers get theirs before the call."""

    members: list[Member] = field(default_factory=list)
    numbers: list[Member] = field(default_factory=list)
    #: Functions that take the structure.
    fed: set[str] = field(default_factory=set)
    #: Statements before the calls of this layer.
    before: list[str] = field(default_factory=list)

    updatable: ClassVar[bool] = True

    def _parameters(self) -> str:
        return f"{_Typed._parameters(self)}, const {self.prefix}_tables_t *tables"

    def _names(self) -> list[str]:
        return [*_Typed._names(self), "tables"]

    def _layer(self, node: object) -> None:
        start = len(self.calls)
        _Typed._layer(self, node)  # type: ignore[arg-type]
        own = [call for call in self.calls[start:] if call.layer is not None]
        if any(f"&layer{self.index}" in call.text for call in own):
            rest = [call for call in self.calls[start:] if call.layer is None]
            lines = [*self.before, *(call.text for call in own)]
            block = "{\n" + "".join(f"        {line}\n" for line in lines) + "    }"
            self.calls[start:] = [*rest, Call(block, self.index)]
        self.before.clear()

    def table(self, kind: str, name: str, values: Array, *, aligned: bool = False) -> str:
        """A member of the structure."""
        self.members.append(Member(name, kind, values.reshape(-1)))
        self.weight_bytes += SIZES.get(kind, 4) * values.size
        return f"tables->{name}"

    def number(self, value: float, dtype: str = "int32") -> str:
        """A single member of the structure."""
        kind, memory = _NUMBERS[dtype]
        one = Member(f"n{len(self.numbers)}", kind, np.array([value]).astype(memory), single=True)
        self.numbers.append(one)
        self.weight_bytes += len(one.data)
        return f"tables->{one.name}"

    def layer(self, fields: Mapping[str, object], kind: str = "sa_nn_layer_t", stem: str = "layer") -> str:
        """The form of the layer as a constant; a copy of it with its numbers is what the kernel reads."""
        kept, set_ = patches(kind, fields, _MOVED)
        if not set_:
            return _Typed.layer(self, fields, kind, stem)
        template, local = _Typed.layer(self, kept, kind, stem), f"{stem}{self.index}"
        self.runtime.add("nd/sa_nd_tables.h")
        self.before += [f"{kind} {local};", f"sa_nd_words(&{local}, {template}, sizeof {local});"]
        for place, text, member in set_:
            # single numbers lie in 32 bits, whatever member they are for
            cast = f"({member})" if member in _NARROW and _NUMBER.fullmatch(text) else ""
            self.before.append(f"{local}.{place} = {cast}{text};")
        return "&" + local

    def function(self, stem: str, parameters: str, text: str, *runtime: str) -> str:
        """A function that gets the structure where it reads of it; single numbers are read once."""
        if f"&layer{self.index}" in text:
            text = "".join(f"    {line}\n" for line in self.before) + text
        if "tables->" not in text:
            return _Typed.function(self, stem, parameters, text, *runtime)
        kinds = {one.name: one.kind for one in self.numbers}
        read = list(dict.fromkeys(_NUMBER.findall(text)))
        head = "".join(f"    const {kinds[n]} {n} = tables->{n};\n" for n in read)
        parameters = f"{parameters}, const {self.prefix}_tables_t *tables"
        name = _Typed.function(self, stem, parameters, head + _NUMBER.sub(r"\1", text), *runtime)
        self.fed.add(name)
        return name

    def run(self, function: str, *arguments: object) -> None:
        """Call a function of this layer."""
        _Typed.run(self, function, *arguments, *(("tables",) if function in self.fed else ()))
