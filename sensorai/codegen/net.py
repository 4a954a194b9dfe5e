"""C for nets: tables in the order the kernels read them, and one function that runs the layers.

What a layer's C is, its operator says; here is what it writes to. The kernels are files of
``sensorai/runtime/nn``; only those a net uses are named, and of those the compiler keeps what is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from sensorai import runtime
from sensorai.codegen import literals
from sensorai.codegen.parts import Call, CodeParts, Constant, LayerCost, Table, body, table, wrapped
from sensorai.codegen.structures import initialiser
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import check
from sensorai.graph.tensor import Array, Tensor
from sensorai.ops.nd import ctext
from sensorai.plan.choose import Chosen, choose
from sensorai.plan.laid import SCORES, written_by_caller
from sensorai.plan.plan import Plan, Slot
from sensorai.plan.scratch import ENDLESS, Scratch, objective
from sensorai.writing import clang

#: Attribute of tables that the packed kernels read.
TABLE = "SA_NN_TABLE"

INPUT: Mapping[str, str] = {"int8": "int8_t", "binary": "uint32_t", "float32": "float"}

#: Types of tensors in C: in tables and interfaces, and where the kernels of n axes read and write them.
KINDS: Mapping[str, tuple[str, str]] = {
    **{dtype: (plain, seen) for dtype, (plain, seen, _) in ctext.TYPES.items()},
    "binary": ("uint32_t", "sa_nd_u32"),
}

#: Types that the caller takes as they are computed.
DIRECT = frozenset(KINDS) - {"binary"}

#: Bytes of a number in a table.
SIZES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2, "int64_t": 8, "uint64_t": 8, "double": 8}


def emit_net(graph: Graph, prefix: str, *, name: str = "model", optimize: str = "balanced") -> CodeParts:
    """Emit ``static void PREFIX_model(const IN *input, OUT *scores, uint8_t *arena)``.

    ``IN`` is int8_t, float, or uint32_t for packed bits; ``OUT`` is float for float32 outputs, else int32_t
    (int8 scores, int16 probabilities and bits, as +1 and -1, are widened). The arena must be aligned to
    4 bytes; nothing of it outlives the call.

    Parameters
    ----------
    graph : Graph
        One input (int8, binary or float32), one output; without batch_norm and sign (see ``quantize``).
    prefix : str
        A C identifier.
    name : str
        In place of ``model`` in the function's name.
    optimize : str
        What is to be saved, one of ``plan.scratch.OBJECTIVES``.

    Raises
    ------
    ConfigError
        The graph holds a layer or type that has no C.
    """
    clang.identifier(prefix)
    check(graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError("a classifier in C has one input and one output")
    if graph.states:
        raise ConfigError("a classifier in C has no states")
    if graph.tensors[graph.inputs[0]].dtype not in INPUT:
        raise ConfigError("the input of a classifier in C is int8, binary or float32")
    places = {graph.inputs[0]: "input", graph.outputs[0]: "scores"}
    return _Emitter(graph, prefix, f"{prefix}_{name}", places, SCORES, optimize=optimize).parts()


def emit_tensors(
    graph: Graph,
    prefix: str,
    *,
    name: str = "model",
    inside: Collection[str] = (),
    optimize: str = "balanced",
    rooms: Sequence[int] = (),
) -> CodeParts:
    """Emit ``static void PREFIX_model(const IN *in0, ..., OUT *out0, ..., [state0, ...] uint8_t *arena)``.

    Every tensor has the type of C that ``KINDS`` says, its numbers in order; nothing is widened. States are
    given by the caller and replaced by those of the next call. The arena must be aligned to ``arena_align``
    bytes; nothing of it outlives the call.
    Where it has several memories, ``arena1`` and so on follow.

    Parameters
    ----------
    inside : collection of str
        Inputs and outputs that lie in the arena: they are no parameters, ``lying`` says where they are.
        Inputs do not outlive the call, outputs do.
    optimize : str
        What is to be saved, one of ``plan.scratch.OBJECTIVES``.
    rooms : sequence of int
        Bytes of several memories for the arena, the fastest first; () for one without an end.

    Raises
    ------
    ConfigError
        The memories hold too little, the graph holds a layer or type that has no C, or an output that
        nothing computes is to lie in the arena.
    """
    clang.identifier(prefix)
    return typed(graph, prefix, f"{prefix}_{name}", _Typed, inside, optimize, rooms)


def typed(
    graph: Graph,
    prefix: str,
    name: str,
    emitter: Callable[..., _Typed],
    inside: Collection[str] = (),
    optimize: str = "balanced",
    rooms: Sequence[int] = (),
) -> CodeParts:
    """Emit a net whose inputs and outputs have types of their own, see ``emit_tensors``, with an emitter."""
    check(graph)
    for tensor in (*graph.activations, *(graph.tensors[n] for n in graph.outputs)):
        if tensor.dtype not in KINDS:
            raise ConfigError(f"tensor {tensor.name} is {tensor.dtype}, which has no type in C")
        if not tensor.size:
            raise ConfigError(f"tensor {tensor.name} of shape {tensor.shape} is empty")
    places = {n: f"in{k}" for k, n in enumerate(graph.inputs)}
    places |= {state.read: f"state{k}" for k, state in enumerate(graph.states)}
    # an input that is an output as well is read in one place and copied to the other
    places |= {n: f"out{k}" for k, n in enumerate(graph.outputs) if n not in places}
    places = {tensor: place for tensor, place in places.items() if tensor not in inside}
    net = emitter(graph, prefix, name, places, DIRECT, frozenset(inside), optimize, tuple(rooms))
    for one in inside:
        if one not in net.plan.slots or net.plan.slots[one].offset < 0:
            raise ConfigError(
                f"{one} is a constant or lies in an input of the caller: it cannot lie in the arena",
                hint="let inputs and outputs be the caller's, or both lie in the arena",
            )
    net.runtime = {"nd/sa_nd.h", *(["nd/sa_nd_16bit.h"] if graph.isa == "ispu" else [])}
    return net.parts()


def arguments(graph: Graph, inside: Collection[str] = (), memories: int = 1) -> str:
    """Parameters of the function that ``emit_tensors`` emits, with so many memories."""
    given = [
        f"const {_plain(graph.tensors[n])} *in{k}" for k, n in enumerate(graph.inputs) if n not in inside
    ]
    made = [f"{_plain(graph.tensors[n])} *out{k}" for k, n in enumerate(graph.outputs) if n not in inside]
    kept = [f"{_plain(graph.tensors[s.read])} *state{k}" for k, s in enumerate(graph.states)]
    return ", ".join([*given, *made, *kept, *(f"uint8_t *{arena(k)}" for k in range(max(memories, 1)))])


def arena(pool: int) -> str:
    """Parameter of the memory of a number."""
    return f"arena{pool}" if pool else "arena"


def _plain(tensor: Tensor) -> str:
    return KINDS[tensor.dtype][0]


@dataclass(slots=True)
class _Emitter:
    """Collects tables and calls while walking the graph: the ``Writer`` of the operators."""

    graph: Graph
    prefix: str
    name: str
    #: Parameters of C by the tensors that the caller has.
    places: Mapping[str, str]
    #: Types that the caller takes as they are computed.
    direct_kinds: frozenset[str]
    #: Inputs and outputs that lie in the arena.
    inside: frozenset[str] = frozenset()
    #: What is to be saved, one of ``OBJECTIVES``.
    optimize: str = "balanced"
    #: Bytes of several memories, the fastest first.
    rooms: tuple[int, ...] = ()
    chosen: Chosen = field(init=False)
    plan: Plan = field(init=False)
    #: Where every tensor lies while the layer runs.
    slots: dict[str, Slot] = field(init=False)
    #: What is left to kernels.
    spare_bytes: Scratch = field(init=False)
    index: int = 0
    definitions: list[Table | Constant] = field(default_factory=list)
    functions: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    runtime: set[str] = field(default_factory=lambda: {"nn/sa_nn.h"})
    costs: list[LayerCost] = field(default_factory=list)
    buffers: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    weight_bytes: int = 0
    saved_bytes: int = 0
    tables: dict[str, str] = field(default_factory=dict)
    #: Whether numbers may be others when the program runs.
    updatable: ClassVar[bool] = False
    #: Tables by their numbers, and those that stand for others.
    common: dict[tuple[str, bytes], str] = field(default_factory=dict)
    spared: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chosen = choose(self.graph, self.direct_kinds, self.inside, self.optimize, self.rooms)
        self.graph, self.plan = self.chosen.graph, self.chosen.plan
        self.slots = dict(self.plan.slots)
        room = self.rooms[0] if self.rooms else ENDLESS
        self.spare_bytes = Scratch(self.plan, objective(self.optimize), room)

    def _laid(self, text: str) -> str:
        """Code as it stands in the file."""
        return text

    def parts(self) -> CodeParts:
        """Emit everything."""
        for name in self.plan.staged:
            self._stage(self.graph.tensors[name])
        for index, node in enumerate(self.graph.nodes):
            self.index = index
            self._layer(node)
        self._end()
        self.calls = [replace(call, text=self._laid(call.text)) for call in self.calls]
        slots = self.plan.slots
        said = set(re.findall(r"\w+", " ".join(call.text for call in self.calls)))
        unused = "".join(f"    (void){n};\n" for n in dict.fromkeys(self._names()) if n not in said)
        source = "".join(map(self._laid, self.functions.values())) + (
            f"static void {self.name}({self._parameters()})\n{{\n" + unused + body(self.calls) + "}\n"
        )
        return CodeParts(
            header="",
            source=source,
            definitions=tuple(self.definitions),
            runtime=tuple(sorted(runtime.closed(self.runtime))),
            arena_bytes=self.spare_bytes.peak,
            arena_align=self.plan.align,
            arenas=(self.spare_bytes.peak, *self.plan.arenas[1:]),
            layers=tuple(self.costs),
            buffers=tuple(self.buffers),
            calls=tuple(self.calls),
            lying={name: (slots[name].pool, slots[name].offset) for name in sorted(self.inside)},
        )

    def _names(self) -> list[str]:
        """Parameters of the function."""
        return [*self.places.values(), *map(arena, range(len(self.plan.arenas)))]

    def _parameters(self) -> str:
        x, y = (self.graph.tensors[name] for name in (self.graph.inputs[0], self.graph.outputs[0]))
        kind = "float" if y.dtype == "float32" else "int32_t"
        return f"const {INPUT[x.dtype]} *input, {kind} *scores, uint8_t *arena"

    def _end(self) -> None:
        """Bring out what the caller does not have yet."""
        self._scores(self.graph.tensors[self.graph.outputs[0]])

    def _layer(self, node: Node) -> None:
        self.weight_bytes = self.saved_bytes = 0
        self.spare_bytes.begin(self.index)
        at = self.graph.applied(node)
        self._moves()
        self._margins(node)
        node.op.emit(at, self)
        reads = tuple(self.at(t, "void") for t in at.inputs if t.name in self.slots)
        self.buffers.append((reads, tuple(self.at(t, "void") for t in at.outputs)))
        # what must be in memory while the layer runs
        together = {t.name: t for t in (*at.inputs, *at.outputs)}
        activation = sum(t.bytes for t in together.values())
        sizes = self.weight_bytes, activation, self.saved_bytes, self.spare_bytes.taken
        kernel = self.chosen.kernels.get(node.output, at.way), self.chosen.why.get(node.output, "")
        self.costs.append(LayerCost(node.output, node.op.macs(at), *sizes, *kernel))

    # -- names and places

    def at(self, tensor: Tensor, kind: str = "int8_t", back: int = 0) -> str:
        """C expression: pointer to the values of a tensor, ``back`` bytes of margin before them."""
        slot = self.slots[tensor.name]
        if slot.offset < 0:
            return self.places[tensor.name if self.direct(tensor) else slot.first]
        offset, base = slot.offset - back, arena(slot.pool)
        place = f"{base} + {offset}" if offset else base
        if kind == "void":
            return place
        return f"({kind} *)({place})" if offset else f"({kind} *){base}"

    def read(self, tensor: Tensor, back: int = 0) -> str:
        """Pointer for reading int8 values."""
        text = self.at(tensor, "int8_t", back)
        return text if text in self.places.values() else "(const int8_t *)" + text.removeprefix("(int8_t *)")

    def direct(self, tensor: Tensor) -> bool:
        """Whether a tensor is written straight into the scores that the caller gives."""
        if tensor.name in self.inside:
            return False
        return written_by_caller(self.graph, tensor.name, self.direct_kinds)

    def real(self, value: float) -> str:
        """Literal of a float32 value."""
        return literals.real(value)

    def number(self, value: float, dtype: str = "int32") -> str:
        """Literal of a number that came of training."""
        return str(int(value)) if dtype == "int32" else ctext.number(value, dtype)

    def table(self, kind: str, name: str, values: Array, *, aligned: bool = False) -> str:
        """Define a table and return its name."""
        full = f"{self.prefix}_{name}"
        attribute = TABLE if aligned else ""
        made = table(kind, full, values.reshape(-1).tolist(), attribute)
        self.definitions.append(replace(made, layer=self.index, size=SIZES.get(kind, 4) * values.size))
        self.weight_bytes += SIZES.get(kind, 4) * values.size
        return full

    def shared(self, kind: str, name: str, values: Array) -> str:
        """Define a table, once for all layers that have the same numbers, and return its name."""
        key = kind, values.tobytes()
        if key not in self.common:
            self.common[key] = self.table(kind, name, values)
        return self.common[key]

    def spare(self, table: str, saved: int) -> None:
        """Note how many bytes a table takes less than the numbers that it stands for, once."""
        self.saved_bytes += 0 if table in self.spared else saved
        self.spared.add(table)

    def layer(self, fields: Mapping[str, object], kind: str = "sa_nn_layer_t", stem: str = "layer") -> str:
        """Define the description of the layer and return a pointer to it."""
        name = f"{self.prefix}_{stem}{self.index}"
        text = self._laid(f"static const {kind} {name} = {{\n{initialiser(kind, fields)}}};\n")
        self.definitions.append(Constant(text))
        return "&" + name

    def depthwise(self, kind: str, taps: int) -> str:
        """Name of a depthwise function for one way out and one kernel size, defined once."""
        name = f"{self.prefix}_depthwise{taps}_{kind}"
        # one for all layers with this way out and size
        head = f"static void {name}(const sa_nn_layer_t *l, const int8_t *x, void *y)\n"
        text = f"{head}{{\n    sa_nn_depthwise_layer(l, x, y, SA_NN_{kind.upper()}, {taps});\n}}\n"
        self.functions[name] = text
        return name

    def source(self, tensor: Tensor) -> str:
        """C expression: pointer for reading the values of a tensor."""
        kind, seen = KINDS[tensor.dtype]
        if tensor.data is not None:
            # no number of an empty one is ever read
            return f"(const {seen} *){self._constant(tensor, kind) if tensor.size else 0}"
        return f"(const {seen} *){_in_arena(self.at(tensor, 'void'), const=True)}"

    def target(self, tensor: Tensor) -> str:
        """C expression: pointer for writing the values of a tensor."""
        return f"({KINDS[tensor.dtype][1]} *){_in_arena(self.at(tensor, 'void'))}"

    def scratch(self, kind: str) -> str:
        """C expression: pointer to the bytes that the layer uses while it runs."""
        base = arena(self.plan.scratch_pool(self.index))
        return f"({kind} *){_in_arena(f'{base} + {self.plan.scratch[self.index]}')}"

    def free_scratch(self) -> int:
        """Bytes in one piece that the layer may take while it runs."""
        return self.spare_bytes.free()

    def take_scratch(self, kind: str, size: int) -> str:
        """C expression: pointer to bytes that the layer takes while it runs."""
        return f"({kind} *){_in_arena(f'arena + {self.spare_bytes.take(size)}')}"

    def function(self, stem: str, parameters: str, text: str, *runtime: str) -> str:
        """Define a static function of this layer and return its name."""
        name = f"{self.prefix}_{stem}{self.index}"
        self.functions[name] = f"static void {name}({parameters})\n{{\n{text}}}\n\n"
        self.runtime |= {"nd/sa_nd.h", *runtime}
        return name

    def run(self, function: str, *arguments: object) -> None:
        """Add a call of a function of this layer."""
        self.calls.append(Call(f"{function}({', '.join(map(str, arguments))});", self.index))

    def _constant(self, tensor: Tensor, kind: str) -> str:
        """Table of a constant, defined once however many layers read it."""
        if tensor.name not in self.tables:
            values = np.zeros(0) if tensor.data is None else tensor.data
            self.tables[tensor.name] = self.table(kind, f"c{len(self.tables)}", values)
        return self.tables[tensor.name]

    def call(self, file: str, function: str, *arguments: object, into: str = "") -> None:
        """Add a call of the layer of a function in runtime file ``file``."""
        self._call(file, f"{into} = {function}" if into else function, arguments, self.index)

    def _around(self, file: str, function: str, *arguments: object) -> None:
        """Add a call that prepares or brings out what layers compute."""
        self._call(file, function, arguments, None)

    def _call(self, file: str, function: str, arguments: tuple[object, ...], layer: int | None) -> None:
        self.runtime.add(file if "/" in file else f"nn/{file}.h")
        self.calls.append(Call(f"{function}({', '.join(map(str, arguments))});", layer))

    # -- around the layers

    def _stage(self, x: Tensor) -> None:
        if x.dtype == "float32":
            self._around("sa_nn_float", "sa_nn_float_copy", "input", self.at(x, "void"), x.size)
        else:
            source = "input" if x.dtype == "int8" else "(const int8_t *)input"
            self._around("sa_nn_steps", "sa_nn_copy", source, self.at(x), x.bytes)

    def _moves(self) -> None:
        """Bring tensors to the places that they have from this layer on."""
        for move in self.plan.moves:
            if move.node == self.index:
                x, y = (_in_arena(f"arena + {at}") for at in (move.source, move.target))
                # the place holds whole words
                words = f"{-(-move.size // 4)}U"
                arguments = f"(const sa_nd_u32 *){x}", f"(sa_nd_u32 *){y}", words
                self._around("nd/sa_nd_move.h", "sa_nd_move", *arguments)
                self.slots[move.name] = replace(self.slots[move.name], offset=move.target)

    def _margins(self, node: Node) -> None:
        """Zero what ``same`` padding reads; the bytes may have held something else before."""
        at = self.graph.applied(node)
        for x, margin in zip(at.inputs, node.op.buffers(at).margins, strict=False):
            slot = self.slots[x.name]
            sides = (slot.offset - margin.left, margin.left), (slot.offset + slot.size, margin.right)
            for offset, size in sides:
                if size:
                    base = arena(slot.pool)
                    place = f"(int8_t *)({base} + {offset})" if offset else f"(int8_t *){base}"
                    self._around("sa_nn_steps", "sa_nn_zero", place, size)

    def _scores(self, y: Tensor) -> None:
        if self.direct(y):
            return
        if y.dtype == "int8":
            self._around("sa_nn_steps", "sa_nn_widen", self.read(y), "scores", y.size)
        elif y.dtype == "float32":
            self._around("sa_nn_float", "sa_nn_float_copy", self.at(y, "void"), "scores", y.size)
        else:
            steps, channels = y.size // y.shape[-1], y.shape[-1]
            self._around("sa_nn_binary", "sa_nn_binary_widen", self.at(y, "void"), "scores", steps, channels)


def _in_arena(place: str, *, const: bool = False) -> str:
    """Place of numbers; bytes of the arena become other numbers by void, as they lie on their boundaries."""
    void = "(const void *)" if const else "(void *)"
    return f"{void if place.startswith('arena') else ''}({place})"


class _Typed(_Emitter):
    """Every tensor of the interface in its own type."""

    def _laid(self, text: str) -> str:
        """Long calls in several lines."""
        return wrapped(text)

    def _parameters(self) -> str:
        return arguments(self.graph, self.inside, len(self.plan.arenas))

    def _end(self) -> None:
        """Copy outputs that are not where the caller wants them yet, then the states of the next call."""
        outputs = [(name, f"out{k}") for k, name in enumerate(self.graph.outputs) if not self._there(name, k)]
        states = [(state.write, f"state{k}") for k, state in enumerate(self.graph.states)]
        for name, place in (*outputs, *self._ordered(states)):
            tensor = self.graph.tensors[name]
            source = f"(const uint8_t *)({self.source(tensor)})"
            self._around("nd/sa_nd.h", "sa_nd_copy", source, f"(uint8_t *){place}", tensor.bytes)

    def _ordered(self, copies: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Copies of states, a place after all that is read from it: a delay line moves from its end."""
        left = [(name, to) for name, to in copies if self._lies(name) != to]
        out = []
        while left:
            read = [self._lies(name) for name, _ in left]
            free = next((one for one in left if one[1] not in read), None)
            if free is None:
                raise ConfigError(f"the states round {left[0][0]} change places, which is not emitted")
            out.append(free)
            left.remove(free)
        return out

    def _lies(self, name: str) -> str:
        """Parameter in whose memory a tensor lies; "" in the arena."""
        slot = self.slots.get(name)
        if slot is None or slot.offset >= 0:
            return ""
        return self.places[name if self.direct(self.graph.tensors[name]) else slot.first]

    def _there(self, name: str, k: int) -> bool:
        """Whether an output was computed where the caller wants it."""
        tensor = self.graph.tensors[name]
        if name in self.inside:
            return True
        return tensor.data is None and self.direct(tensor) and self.places[name] == f"out{k}"


def translation_unit(graph: Graph, prefix: str) -> dict[str, str]:
    """Return a stand-alone file with an extern ``PREFIX_run`` round the net, and the runtime files it needs.

    For tests and measurements; projects are written by ``codegen.project``.
    """
    parts = emit_net(graph, prefix)
    x, y = (graph.tensors[name] for name in (graph.inputs[0], graph.outputs[0]))
    arguments = f"const {INPUT[x.dtype]} *input, {'float' if y.dtype == 'float32' else 'int32_t'} *scores"
    lines = [
        *(f'#include "{name.split("/")[-1]}"' for name in parts.runtime),
        parts.data,
        parts.source,
        f"void {prefix}_run({arguments}, uint8_t *arena);",
        f"void {prefix}_run({arguments}, uint8_t *arena)",
        f"{{\n    {prefix}_model(input, scores, arena);\n}}\n",
    ]
    files = {name.split("/")[-1]: runtime.text(name) for name in parts.runtime}
    return {**files, f"{prefix}.c": "\n".join(lines)}


class _Counted(_Typed):
    """Counts tables and does not write them: what a net costs, without the time that its numbers take."""

    def table(self, kind: str, name: str, values: Array, *, aligned: bool = False) -> str:
        """Count a table."""
        full, size = f"{self.prefix}_{name}", SIZES.get(kind, 4) * values.size
        self.definitions.append(Table(f"const {kind} {full}[{values.size}]", "", self.index, size))
        self.weight_bytes += size
        return full


def count_tensors(
    graph: Graph,
    inside: Collection[str] = (),
    optimize: str = "balanced",
    rooms: Sequence[int] = (),
) -> CodeParts:
    """What ``emit_tensors`` would give, without tables: arena and costs; settings as there.

    Raises
    ------
    ConfigError
        The graph holds a layer or type that has no C.
    """
    return typed(graph, "net", "net_model", _Counted, inside, optimize, rooms)
