"""What a net costs by its shape: a row for every layer, and totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensorai.codegen.net import DIRECT, count_tensors
from sensorai.codegen.netpools import Pool, flashes, rams, where
from sensorai.codegen.parts import CodeParts
from sensorai.errors import ConfigError
from sensorai.graph.graph import Graph, Node
from sensorai.graph.quant import Affine, Pow2
from sensorai.graph.tensor import Tensor
from sensorai.nets.model import WORDS, NetFile
from sensorai.plan.choose import FEWEST, choose
from sensorai.plan.plan import Plan
from sensorai.plan.scratch import objective


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer.

    Attributes
    ----------
    name, operator : str
        As the file has it where it has one.
    outputs : tuple of Tensor
    parameters : int
        Numbers of the constants that it is the first to read.
    macc, macs : int
        Operations as ST's tool counts them, and multiply-accumulates that there are.
    weight_bytes : int
        Of its tables in C, of its constants where it has no C.
    saved : int
        Bytes that its weights take less in a dictionary.
    scratch : int
        Bytes of working memory that its kernel takes where no tensor lies.
    kernel, why : str
        What was chosen to compute it, and the reason; "" where there is no choice.
    """

    name: str
    operator: str
    outputs: tuple[Tensor, ...]
    parameters: int
    macc: int
    macs: int
    weight_bytes: int
    saved: int = 0
    scratch: int = 0
    kernel: str = ""
    why: str = ""

    @property
    def type(self) -> str:
        """Type of its first output."""
        return self.outputs[0].dtype

    @property
    def tensor(self) -> str:
        """Name of its first output, which no other layer has."""
        return self.outputs[0].name

    @property
    def shape(self) -> str:
        """Shape of its first output."""
        return shape_text(self.outputs[0])


@dataclass(frozen=True, slots=True)
class Costs:
    """A net, counted.

    Attributes
    ----------
    layers : tuple of Layer
    parameters, macc, macs : int
    weights : int
        Bytes of constants in flash.
    saved : int
        Bytes that they take less because weights of some layers are in dictionaries.
    arena : int or None
        Bytes of working memory; None where a layer has no C, whose memory nobody knows.
    states, inputs, outputs : int
        Bytes of what is kept between calls, and of what the caller gives and gets.
    inside : (bool, bool)
        Whether inputs, and outputs, lie in the working memory.
    optimize : str
        What was to be saved, one of ``OBJECTIVES``.
    pools : tuple of (Pool, int)
        Memories, the fastest first, and bytes that each holds; () where there is one.
    arenas : tuple of int
        Bytes of the working memory in each of those that are RAM.
    """

    layers: tuple[Layer, ...]
    parameters: int
    macc: int
    macs: int
    weights: int
    saved: int
    arena: int | None
    states: int
    inputs: int
    outputs: int
    inside: tuple[bool, bool] = (False, False)
    optimize: str = "balanced"
    pools: tuple[tuple[Pool, int], ...] = ()
    arenas: tuple[int, ...] = ()

    @property
    def ram(self) -> int | None:
        """Bytes of RAM: working memory, states, and the inputs and outputs that do not lie in it."""
        if self.arena is None:
            return None
        return self.arena + self.states + sum(self.beside)

    @property
    def beside(self) -> tuple[int, int]:
        """Bytes of the inputs, and outputs, that do not lie in the working memory."""
        return (0 if self.inside[0] else self.inputs, 0 if self.inside[1] else self.outputs)


def lying(graph: Graph, inside: tuple[bool, bool]) -> tuple[str, ...]:
    """Names of the inputs, and outputs, that lie in the working memory."""
    return (*(graph.inputs if inside[0] else ()), *(graph.outputs if inside[1] else ()))


def planned(graph: Graph, counted: Costs) -> Plan:
    """Where everything lies in the C of a net that was counted."""
    rooms = [one.size for one, _ in counted.pools if one.writable]
    return choose(graph, DIRECT, lying(graph, counted.inside), counted.optimize, rooms).plan


def inside_asked(
    graph: Graph, inputs: bool | None, outputs: bool | None, free: bool = True
) -> tuple[bool, bool]:
    """Whether inputs, and outputs, lie in the working memory; None: where that can be.

    Parameters
    ----------
    free : bool
        Whether the interface lets them.
    """
    computed = all(graph.tensors[name].data is None for name in graph.outputs)
    ins = free if inputs is None else inputs
    # an output that is an input by another name lies where that lies
    own = ins or not any(name in graph.given for name in _roots(graph))
    return ins, (free and computed and own) if outputs is None else outputs


def _roots(graph: Graph) -> list[str]:
    """What the outputs are under their first names."""
    out = []
    for name in graph.outputs:
        while (node := graph.producer(name)) is not None and node.op.buffers(graph.applied(node)).alias:
            name = node.reads[0]
        out.append(name)
    return out


def costs(
    graph: Graph,
    inside: tuple[bool, bool] = (False, False),
    optimize: str = "balanced",
    pools: Sequence[Pool] = (),
) -> Costs:
    """Count a net; settings as in ``Costs``."""
    objective(optimize)
    within = lying(graph, inside)
    try:
        parts = count_tensors(graph, within, optimize, [one.size for one in rams(pools)])
        arena: int | None = sum(parts.arenas)
        bytes_of = [
            (one.weight_bytes, one.saved_bytes, one.taken_bytes, one.kernel, one.why) for one in parts.layers
        ]
    except ConfigError:
        if (within or pools) and _has_c(graph):
            raise
        # a layer or type without C: the reference counts what it has
        arena, bytes_of = None, []
    seen: set[str] = set()
    layers = []
    for k, node in enumerate(graph.nodes):
        own = [
            graph.tensors[n] for n in node.inputs if n and n not in seen and graph.tensors[n].data is not None
        ]
        seen.update(t.name for t in own)
        sizes = bytes_of[k] if bytes_of else (sum(t.bytes for t in own), 0, 0, "", "")
        layers.append(_layer(graph, node, own, sizes))
    return Costs(
        tuple(layers),
        sum(layer.parameters for layer in layers),
        sum(layer.macc for layer in layers),
        sum(layer.macs for layer in layers),
        sum(layer.weight_bytes for layer in layers),
        sum(layer.saved for layer in layers),
        arena,
        sum(graph.tensors[s.read].bytes for s in graph.states),
        sum(graph.tensors[n].bytes for n in graph.inputs),
        sum(graph.tensors[n].bytes for n in graph.outputs),
        inside,
        optimize,
        _pools(parts, pools) if arena is not None and pools else (),
        parts.arenas if arena is not None and pools else (),
    )


def _has_c(graph: Graph) -> bool:
    """Whether there is C, wherever its tensors are to lie."""
    try:
        count_tensors(graph)
    except ConfigError:
        return False
    return True


def _pools(parts: CodeParts, pools: Sequence[Pool]) -> tuple[tuple[Pool, int], ...]:
    """What each memory holds."""
    used = where(parts, pools).used
    return tuple((one, used[one.name]) for one in (*rams(pools), *flashes(pools)))


def _layer(graph: Graph, node: Node, own: list[Tensor], sizes: tuple[int, int, int, str, str]) -> Layer:
    at = graph.applied(node)
    return Layer(
        graph.called(node.output),
        node.op.NAME,
        at.outputs,
        sum(t.size for t in own),
        node.op.macc(at),
        node.op.macs(at),
        *sizes,
    )


def shape_text(tensor: Tensor) -> str:
    """Shape as in ``1x24x6``; ``1`` for a single number."""
    return "x".join(map(str, tensor.shape)) or "1"


def scale_of(tensor: Tensor) -> tuple[float, int] | None:
    """Scale and zero point of a whole tensor; None without one."""
    if isinstance(tensor.quant, Affine) and len(tensor.quant.scale) == 1:
        return tensor.quant.scale[0], tensor.quant.zero[0]
    if isinstance(tensor.quant, Pow2):
        return 2.0**-tensor.quant.places, 0
    return None


def tensor_figures(tensor: Tensor) -> dict[str, Any]:
    """A tensor of the interface as plain data."""
    found = scale_of(tensor)
    scales: dict[str, Any] = {} if found is None else {"scale": found[0], "zero": found[1]}
    if found is None and isinstance(tensor.quant, Affine):
        scales = {"scale": list(tensor.quant.scale), "zero": list(tensor.quant.zero)}
    return {
        "name": tensor.name,
        "type": tensor.dtype,
        "shape": list(tensor.shape),
        "bytes": tensor.bytes,
        **scales,
    }


def saved_words(counted: Costs) -> tuple[str, ...]:
    """A line on weights in dictionaries, none where there are none."""
    layers = sum(layer.saved > 0 for layer in counted.layers)
    if not layers:
        return ()
    of = "1 layer" if layers == 1 else f"{layers} layers"
    return (f"dictionaries: weights of {of} take {counted.saved:,} bytes less, and are read exactly",)


#: What kernels are written for, in words.
_CORES = {
    "thumb1": "Cortex-M0, M0+ and M3",
    "dsp": "the DSP extension (Cortex-M4, M7, M33)",
    "mve": "vectors of integers (Cortex-M55)",
}


def kernel_words(graph: Graph, counted: Costs) -> tuple[str, ...]:
    """Lines on kernels: how many layers have each, and those for which another one was given up."""
    kinds = [layer.kernel for layer in counted.layers if layer.kernel]
    faster = replace(graph, isa="dsp")
    if not graph.isa and any(len(node.op.ways(faster.applied(node))) > 1 for node in faster.nodes):
        return (
            "kernels: those of any core; --target stm32 --device NAME, of a chip or a core such as "
            "cortex-m4, takes several times faster ones",
        )
    if not kinds:
        return ()
    said = ", ".join(f"{kind} {kinds.count(kind)}" for kind in dict.fromkeys(kinds))
    rest = [one for one in counted.layers if one.why and not one.why.startswith(FEWEST)]
    more = ", but for what follows" if rest else ""
    lines = (f"{one.name} has {one.kernel}: {one.why}" for one in rest)
    cores = f" for {_CORES[graph.isa]}" if graph.isa in _CORES else ""
    return (f"kernels{cores} ({counted.optimize}): {said}; {FEWEST}{more}", *lines)


def figures(model: NetFile, counted: Costs) -> dict[str, Any]:
    """What ``analyze --json`` says of a model, before any target."""
    graph = model.graph
    return {
        "file": model.path.name,
        "kind": WORDS[model.kind],
        "file_bytes": model.size,
        "sha256": model.sha256,
        "md5": model.md5,
        "inputs": [tensor_figures(graph.tensors[n]) for n in graph.inputs],
        "outputs": [tensor_figures(graph.tensors[n]) for n in graph.outputs],
        "states": [tensor_figures(graph.tensors[s.read]) for s in graph.states],
        "layers": [
            {
                "name": layer.name,
                "tensor": layer.tensor,
                "operator": layer.operator,
                "type": layer.type,
                "shape": list(layer.outputs[0].shape),
                "parameters": layer.parameters,
                "macc": layer.macc,
                "macs": layer.macs,
                "weight_bytes": layer.weight_bytes,
                "saved_bytes": layer.saved,
                "kernel": layer.kernel,
                "kernel_why": layer.why,
            }
            for layer in counted.layers
        ],
        "parameters": counted.parameters,
        "macc": counted.macc,
        "macs": counted.macs,
        "weight_bytes": counted.weights,
        "saved_bytes": counted.saved,
        "arena_bytes": counted.arena,
        "state_bytes": counted.states,
        "input_bytes": counted.inputs,
        "output_bytes": counted.outputs,
        "inputs_in_arena": counted.inside[0],
        "outputs_in_arena": counted.inside[1],
        "optimize": counted.optimize,
        "pools": [
            {"name": one.name, "kind": "ram" if one.writable else "flash", "bytes": one.size, "used": used}
            for one, used in counted.pools
        ],
        "ram_bytes": counted.ram,
        "did": list(model.made.did),
        "problems": [{"message": p.message, "hint": p.hint} for p in model.made.problems],
    }
