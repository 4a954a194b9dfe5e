"""Count what the kernels of int8 sums take: ``python -m tests.nd.count_kernels > FILE``.

FILE is ``sensorai/ops/nd/fast_counted.py``. Layers of many sizes are built for a core of each instruction set
at -O2 and counted in an emulator, each by itself; coefficients are those of least relative squares, none
below 0. Needs arm-none-eabi-gcc and QEMU.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sensorai.codegen.net import emit_tensors
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.parts import Table, body
from sensorai.graph.graph import Graph, Node
from sensorai.graph.tensor import Tensor
from sensorai.nets.counting import count
from sensorai.ops.nd import fast_costs, fast_table
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fast import Layer
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from tests.nd.fast_nets import layer

#: A core for each instruction set.
CORES = {"thumb1": "m0plus", "dsp": "m4", "mve": "m55"}
#: Layers in one net.
_TOGETHER = 50

_HEAD = '''"""What kernels of int8 sums take: counted in emulators at -O2; do not edit.

``python -m tests.nd.count_kernels > sensorai/ops/nd/fast_counted.py`` counts them anew.
"""

from __future__ import annotations

from collections.abc import Mapping

#: By instruction set and kernel: bytes of code; instructions for each of ``fast_costs.sizes``.
COUNTED: Mapping[tuple[str, str], tuple[int, tuple[float, ...]]] = {
'''


def learnt() -> Iterator[tuple[str, Graph]]:
    """Layers that coefficients are made of."""
    for inputs, outputs in ((8, 4), (64, 12), (128, 128), (33, 9), (640, 16), (256, 10), (19, 30), (96, 48)):
        yield f"dense_{inputs}_{outputs}", layer(FullyConnected(), (1, inputs), (outputs, inputs), each=True)
    for rows, inputs, outputs in ((6, 32, 16), (11, 10, 40)):
        yield f"rows_{rows}", layer(FullyConnected(), (rows, inputs), (outputs, inputs), each=True)
    same = Conv(pads=((1, 1), (1, 1)))
    for size, channels, outputs in ((8, 3, 8), (6, 8, 16), (5, 16, 12), (9, 4, 4), (4, 32, 32)):
        yield (
            f"conv_{size}_{channels}",
            layer(same, (1, size, size, channels), (outputs, 3, 3, channels), True),
        )
    line = Conv(pads=((1, 1),), strides=(2,))
    for size, channels, outputs in ((40, 6, 8), (24, 16, 16), (17, 3, 5)):
        yield f"line_{size}", layer(line, (1, size, channels), (outputs, 5, channels), True)
    for size, channels, outputs in ((8, 8, 16), (5, 64, 64), (12, 16, 8), (7, 24, 40), (3, 6, 18)):
        yield f"points_{size}", layer(Conv(), (1, size, size, channels), (outputs, 1, 1, channels), True)
    for size, channels in ((8, 8), (5, 64), (12, 16), (7, 24), (16, 4)):
        own = Conv(groups=channels, pads=((1, 1), (1, 1)))
        yield f"own_{size}", layer(own, (1, size, size, channels), (channels, 3, 3, 1), each=True)
        two = replace(own, strides=(2, 2))
        yield f"own_two_{size}", layer(two, (1, size, size, channels), (channels, 3, 3, 1), each=True)
    for size, channels, kernel in ((20, 8, 5), (33, 16, 3), (12, 32, 9)):
        own = Conv(groups=channels, pads=((1, 1),))
        yield f"own_line_{size}", layer(own, (1, size, channels), (channels, kernel, 1), each=True)
    for channels, high, across in ((6, 3, 3), (18, 5, 5), (11, 1, 7), (32, 4, 5), (3, 2, 2)):
        own = Conv(groups=channels, pads=((0, high - 1), (0, across - 1)))
        yield f"own_any_{channels}", layer(own, (1, 7, 6, channels), (channels, high, across, 1), each=True)
    wide = Conv(groups=12, pads=((2, 2), (1, 1)))
    yield "own_wide", layer(wide, (1, 9, 8, 12), (12, 5, 4, 1), each=True)


def narrow() -> Iterator[tuple[str, Graph]]:
    """Layers with weights of four bits."""
    for inputs, outputs in ((128, 128), (640, 16), (256, 10), (96, 48)):
        yield f"dense_{inputs}", four_bits(layer(FullyConnected(), (1, inputs), (outputs, inputs), each=True))
    same = Conv(pads=((1, 1), (1, 1)))
    for size, channels, outputs in ((4, 32, 32), (6, 16, 20), (7, 8, 40)):
        shapes = (1, size, size, channels), (outputs, 3, 3, channels)
        yield f"conv_{size}", four_bits(layer(same, *shapes, each=True))
    for size, channels, outputs in ((5, 64, 64), (7, 48, 50)):
        yield (
            f"points_{size}",
            four_bits(layer(Conv(), (1, size, size, channels), (outputs, 1, 1, channels), True)),
        )


def four_bits(graph: Graph) -> Graph:
    """The net with weights of int4."""
    name = graph.nodes[0].inputs[1]
    held = graph.tensors[name]
    data = np.asarray(held.data) >> 4
    return replace(graph, tensors={**graph.tensors, name: replace(held, dtype="int4", data=data)})


def together(graphs: Sequence[Graph], ways: Sequence[str], isa: str) -> Graph:
    """Nets of one layer beside each other."""
    tensors: dict[str, Tensor] = {}
    nodes: list[Node] = []
    inputs, outputs, chosen = [], [], {}
    for k, (graph, way) in enumerate(zip(graphs, ways, strict=True)):
        names = {name: f"{name}_{k}" for name in graph.tensors}
        tensors |= {new: replace(graph.tensors[n], name=new) for n, new in names.items()}
        (node,) = graph.nodes
        reads = tuple(names.get(n, "") for n in node.inputs)
        nodes.append(Node(node.op, reads, tuple(names[n] for n in node.outputs)))
        inputs += [names[n] for n in graph.inputs]
        outputs += [names[n] for n in graph.outputs]
        chosen[names[node.output]] = way
    return Graph(tuple(inputs), tuple(outputs), tensors, tuple(nodes), isa=isa, ways=chosen)


def of_kernels(isa: str, graphs: Sequence[Graph]) -> Mapping[str, list[tuple[Graph, str, tuple[float, ...]]]]:
    """Layers, the way and their sizes, by the kernel in the table."""
    found: dict[str, list[tuple[Graph, str, tuple[float, ...]]]] = {}
    for graph in graphs:
        one = integers(graph, isa)
        plain = "plain_single" if one.groups > 1 else fast_costs.PLAIN
        if one.narrow:
            found.setdefault("plain_int4", []).append(
                (graph, fast_costs.PLAIN, fast_costs.sizes(one, plain=True))
            )
            continue
        found.setdefault(plain, []).append((graph, fast_costs.PLAIN, fast_costs.sizes(one, plain=True)))
        for kernel in fast_table.kernels(one):
            found.setdefault(kernel.name, []).append((graph, kernel.name, fast_costs.sizes(kernel.layer)))
    return found


def counted(isa: str, graphs: Sequence[Graph], ways: Sequence[str]) -> list[int]:
    """Instructions of each layer."""
    found: list[int] = []
    for k in range(0, len(graphs), _TOGETHER):
        net = together(graphs[k : k + _TOGETHER], ways[k : k + _TOGETHER], isa)
        found += [ran.instructions for ran in count(net, cpu(CORES[isa])).layers]
    return found


def code(isa: str, graph: Graph, way: str) -> int:
    """Bytes of the functions of a kernel: of a net that calls it some times, less descriptions and calls."""
    three, four = (_flash(together([graph] * number, [way] * number, isa), isa) for number in (3, 4))
    return three[0] - three[1] - 3 * (four[0] - three[0])


def _flash(net: Graph, isa: str) -> tuple[int, int]:
    """Bytes without tables, and those of a library whose layers do nothing."""
    sources = emit_net_project(net, "net", About("", "", "")).sources()
    parts = emit_tensors(net, "net")
    plain = body(parts.calls)
    assert sources["net.c"].count(plain) == 1
    tables = [
        one.declaration.partition("[")[0].split()[-1] for one in parts.definitions if isinstance(one, Table)
    ]
    sizes = []
    for texts in (sources, {**sources, "net.c": sources["net.c"].replace(plain, "")}):
        image = build_elf(texts, cpu(CORES[isa]), opt="-O2", flags=(), keep=("net_init", "net_run"))
        found = image.sizes()
        sizes.append(image.flash - sum(found.get(name, 0) for name in tables))
    return sizes[0], sizes[1]


def opening(isa: str) -> str:
    """Code, and instructions for each byte of weights of four bits that are opened, as text."""
    each: list[float] = []
    codes: list[int] = []
    for _, graph in narrow():
        held = integers(graph, isa)
        assert held.narrow
        (kernel, *_) = fast_table.kernels(held)
        name = graph.nodes[0].inputs[1]
        bytes_ = replace(graph.tensors[name], dtype="int8")
        (node,) = graph.nodes
        assert isinstance(node.op, Conv | FullyConnected)
        apart = replace(node, op=replace(node.op, coded=False))
        wide = replace(graph, tensors={**graph.tensors, name: bytes_}, nodes=(apart,))
        first, second = counted(isa, [graph, wide], [kernel.name] * 2)
        each.append((first - second) / kernel.weights.nbytes)
        if not codes:
            codes = [code(isa, one, kernel.name) for one in (graph, wide)]
    return f"({codes[0] - codes[1]}, ({np.median(each):.4g},))"


def integers(graph: Graph, isa: str) -> Layer:
    """Sums of a net of one layer."""
    op = graph.nodes[0].op
    assert isinstance(op, Conv | FullyConnected)
    found = op.sums(replace(graph, isa=isa).applied(graph.nodes[0])).integers()
    assert found is not None
    return found


def fitted(sizes: np.ndarray, instructions: np.ndarray) -> np.ndarray:
    """Coefficients of least relative squares, none below 0."""
    scaled, free = sizes / instructions[:, None], np.ones(sizes.shape[1], bool)
    for column in range(1, sizes.shape[1]):
        # those that say the same
        free[column] = not any(free[k] and (sizes[:, k] == sizes[:, column]).all() for k in range(column))
    while True:
        found = np.zeros(sizes.shape[1])
        found[free] = np.linalg.lstsq(scaled[:, free], np.ones(len(scaled)), rcond=None)[0]
        if found.min() >= 0:
            return found
        free[int(found.argmin())] = False


def main() -> int:
    """Print the module."""
    graphs = [graph for _, graph in (*learnt(), *narrow())]
    print(_HEAD, end="")
    for isa in CORES:
        kernels = of_kernels(isa, graphs)
        rows = [(name, *row) for name, found in kernels.items() for row in found]
        ran = counted(isa, [row[1] for row in rows], [row[2] for row in rows])
        for name, found in kernels.items():
            own = np.array([n for row, n in zip(rows, ran, strict=True) if row[0] == name], float)
            sizes = np.array([row[2] for row in found], float)
            factors = fitted(sizes, own)
            off = np.abs(sizes @ factors / own - 1)
            print(isa, name, len(own), f"{off.mean():.3f} {off.max():.3f}", file=sys.stderr)
            size = code(isa, found[0][0], found[0][1])
            said = ", ".join(f"{v:.4g}" for v in np.where(factors < 1e-6, 0, factors))
            print(f'    ("{isa}", "{name}"): ({size}, ({said})),')
        print(f'    ("{isa}", "open"): {opening(isa)},')
    print("}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
