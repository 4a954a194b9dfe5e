"""C for nets: tables in the order the kernels read them, and one function that runs the layers.

What a layer's C is, its operator says; here is what it writes to. The kernels are files of
``sensorai/runtime/nn``; only those a net uses are named, and of those the compiler keeps what is called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sensorai.codegen import literals
from sensorai.codegen.parts import Call, CodeParts, Constant, LayerCost, Table, body, table
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.spec import check
from sensorai.graph.tensor import Array, Tensor
from sensorai.plan.place import ALIGN
from sensorai.plan.plan import Plan, plan, written_by_caller
from sensorai.writing import clang

#: Attribute of tables that the packed kernels read.
TABLE = "SA_NN_TABLE"

INPUT: Mapping[str, str] = {"int8": "int8_t", "binary": "uint32_t", "float32": "float"}

#: Bytes of a number in a table.
_SIZES = {"int8_t": 1, "uint8_t": 1, "int16_t": 2, "uint16_t": 2}


def emit_net(graph: Graph, prefix: str, *, name: str = "model") -> CodeParts:
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

    Raises
    ------
    ConfigError
        The graph holds a layer or type that has no C.
    """
    clang.identifier(prefix)
    check(graph)
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConfigError("C is written for nets with one input and one output")
    if graph.states:
        raise ConfigError("C is written for nets without states")
    if graph.tensors[graph.inputs[0]].dtype not in INPUT:
        raise ConfigError("the input of a net in C is int8, binary or float32")
    return _Emitter(graph, prefix, f"{prefix}_{name}").parts()


@dataclass(slots=True)
class _Emitter:
    """Collects tables and calls while walking the graph: the ``Writer`` of the operators."""

    graph: Graph
    prefix: str
    function: str
    plan: Plan = field(init=False)
    index: int = 0
    definitions: list[Table | Constant] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    runtime: set[str] = field(default_factory=lambda: {"nn/sa_nn.h"})
    costs: list[LayerCost] = field(default_factory=list)
    weight_bytes: int = 0

    def __post_init__(self) -> None:
        self.plan = plan(self.graph)

    def parts(self) -> CodeParts:
        """Emit everything."""
        x, y = (self.graph.tensors[name] for name in (self.graph.inputs[0], self.graph.outputs[0]))
        if self.plan.staged:
            self._stage(x)
        for index, node in enumerate(self.graph.nodes):
            self.index = index
            self._layer(node)
        self._scores(y)
        kind = "float" if y.dtype == "float32" else "int32_t"
        unused = "" if any("arena" in call.text for call in self.calls) else "    (void)arena;\n"
        source = "".join(self.functions) + (
            f"static void {self.function}"
            f"(const {INPUT[x.dtype]} *input, {kind} *scores, uint8_t *arena)\n{{\n"
            + unused
            + body(self.calls)
            + "}\n"
        )
        return CodeParts(
            header="",
            source=source,
            definitions=tuple(self.definitions),
            runtime=tuple(sorted(self.runtime)),
            arena_bytes=self.plan.peak,
            arena_align=ALIGN,
            layers=tuple(self.costs),
            calls=tuple(self.calls),
        )

    def _layer(self, node: Node) -> None:
        self.weight_bytes = 0
        at = self.graph.applied(node)
        self._margins(node)
        node.op.emit(at, self)
        # what must be in memory while the layer runs
        together = {t.name: t for t in (*at.inputs, *at.outputs)}
        activation = sum(t.bytes for t in together.values())
        self.costs.append(LayerCost(node.output, node.op.macs(at), self.weight_bytes, activation))

    # -- names and places

    def at(self, tensor: Tensor, kind: str = "int8_t", back: int = 0) -> str:
        """C expression: pointer to the values of a tensor, ``back`` bytes of margin before them."""
        slot = self.plan.slots[tensor.name]
        if slot.offset < 0:
            return "scores" if self.direct(tensor) else "input"
        offset = slot.offset - back
        place = f"arena + {offset}" if offset else "arena"
        if kind == "void":
            return place
        return f"({kind} *)({place})" if offset else f"({kind} *)arena"

    def read(self, tensor: Tensor, back: int = 0) -> str:
        """Pointer for reading int8 values."""
        text = self.at(tensor, "int8_t", back)
        return text if text in ("input", "scores") else "(const int8_t *)" + text.removeprefix("(int8_t *)")

    def direct(self, tensor: Tensor) -> bool:
        """Whether a tensor is written straight into the scores that the caller gives."""
        return written_by_caller(self.graph, tensor.name)

    def real(self, value: float) -> str:
        """Literal of a float32 value."""
        return literals.real(value)

    def table(self, kind: str, name: str, values: Array, *, aligned: bool = False) -> str:
        """Define a table and return its name."""
        full = f"{self.prefix}_{name}"
        attribute = TABLE if aligned else ""
        self.definitions.append(table(kind, full, values.reshape(-1).tolist(), attribute))
        self.weight_bytes += _SIZES.get(kind, 4) * values.size
        return full

    def layer(self, fields: Mapping[str, object], kind: str = "sa_nn_layer_t") -> str:
        """Define the description of the layer and return a pointer to it."""
        name = f"{self.prefix}_layer{self.index}"
        lines = [f"    .{key} = {value}," for key, value in fields.items()]
        self.definitions.append(Constant(f"static const {kind} {name} = {{\n" + "\n".join(lines) + "\n};\n"))
        return "&" + name

    def depthwise(self, kind: str, taps: int) -> str:
        """Name of a depthwise function for one way out and one kernel size, defined once."""
        name = f"{self.prefix}_depthwise{taps}_{kind}"
        head = f"static void {name}(const sa_nn_layer_t *l, const int8_t *x, void *y)\n"
        text = f"{head}{{\n    sa_nn_depthwise_layer(l, x, y, SA_NN_{kind.upper()}, {taps});\n}}\n"
        if text not in self.functions:
            self.functions.append(text)
        return name

    def call(self, file: str, function: str, *arguments: object, into: str = "") -> None:
        """Add a call of the layer of a function in runtime file ``file``."""
        self._call(file, f"{into} = {function}" if into else function, arguments, self.index)

    def _around(self, file: str, function: str, *arguments: object) -> None:
        """Add a call that prepares or brings out what layers compute."""
        self._call(file, function, arguments, None)

    def _call(self, file: str, function: str, arguments: tuple[object, ...], layer: int | None) -> None:
        self.runtime.add(f"nn/{file}.h")
        self.calls.append(Call(f"{function}({', '.join(map(str, arguments))});", layer))

    # -- around the layers

    def _stage(self, x: Tensor) -> None:
        if x.dtype == "float32":
            self._around("sa_nn_float", "sa_nn_float_copy", "input", self.at(x, "void"), x.size)
        else:
            source = "input" if x.dtype == "int8" else "(const int8_t *)input"
            self._around("sa_nn_steps", "sa_nn_copy", source, self.at(x), x.bytes)

    def _margins(self, node: Node) -> None:
        """Zero what ``same`` padding reads; the bytes may have held something else before."""
        at = self.graph.applied(node)
        for x, margin in zip(at.inputs, node.op.buffers(at).margins, strict=False):
            slot = self.plan.slots[x.name]
            sides = (slot.offset - margin.left, margin.left), (slot.offset + slot.size, margin.right)
            for offset, size in sides:
                if size:
                    place = f"(int8_t *)(arena + {offset})" if offset else "(int8_t *)arena"
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


def translation_unit(graph: Graph, prefix: str) -> dict[str, str]:
    """Return a stand-alone file with an extern ``PREFIX_run`` round the net, and the runtime files it needs.

    For tests and measurements; projects are written by ``codegen.project``.
    """
    from sensorai import runtime

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
