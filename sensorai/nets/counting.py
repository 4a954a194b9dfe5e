"""What a net takes on a core: instructions counted there, of a call and of each layer, cycles, bytes built.

The library is the one that ``generate`` writes, at -O2. A layer is counted by a function of its statements
alone, in the order of the net, on the same memory: what the compiler saves across layers is not in it, and
layers do not add up to the call to the last instruction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sensorai.codegen.net import KINDS, arguments, emit_tensors
from sensorai.codegen.netproject import About, emit_net_project
from sensorai.codegen.parts import Call, Table, body
from sensorai.errors import ConfigError, InternalError, ToolMissing
from sensorai.graph.graph import Graph
from sensorai.graph.interpret import first_states
from sensorai.graph.tensor import Array
from sensorai.nets.costs import lying
from sensorai.nets.inputs import SEED, spread
from sensorai.nets.port import ports
from sensorai.nets.running import Program
from sensorai.toolchain.arm import Image, build_elf
from sensorai.toolchain.compilers import BuildError, RunError
from sensorai.toolchain.cpu import Cpu, cpu
from sensorai.toolchain.cycles import TIMINGS, estimate

#: Instructions of a call that are waited for.
MOST = 500_000_000
_OPT = "-O2"
_NAME = "net"
#: Bytes around a context, for alignment and what it holds beside memory.
_AROUND = 64


@dataclass(frozen=True, slots=True)
class Ran:
    """Instructions, and cycles where there is a model of them."""

    instructions: int
    cycles: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """A net on a core.

    Attributes
    ----------
    core : str
    call : Ran
        One call of the library's function.
    layers : tuple of Ran
        Of each layer; empty where they were not asked for.
    code, numbers : int
        Bytes of flash: code with its constants, and tables of the net.
    stack : int
        Bytes of a call, as the compiler states its frames.
    stack_open : tuple of str
        What is not in it.
    """

    core: str
    call: Ran
    layers: tuple[Ran, ...]
    code: int
    numbers: int
    stack: int
    stack_open: tuple[str, ...]

    @property
    def flash(self) -> int:
        """Bytes of the library."""
        return self.code + self.numbers

    @property
    def emulator(self) -> str:
        """What ran it."""
        return "Unicorn" if cpu(self.core).unicorn else "QEMU"


def cycle_model(core: str) -> str:
    """Where cycles of a core are from; "" where nobody publishes them."""
    timing = TIMINGS.get(core)
    if timing is None:
        return ""
    times = "" if timing.factor == 1 else f", times {timing.factor:g}"
    what = "cycles of each instruction, no wait states, no cache"
    return f"{what}; {timing.mark}: {timing.source}{times}"


def count(
    graph: Graph,
    core: Cpu,
    *,
    layers: bool = True,
    optimize: str = "balanced",
    inside: tuple[bool, bool] = (False, False),
) -> Counted:
    """Build a net for a core and run one call, with inputs that are made.

    The kernels are those for ``graph.isa``, chosen to save what ``optimize`` says where inputs, and outputs,
    lie in the working memory or are the caller's, as ``inside`` says.

    Raises
    ------
    ToolMissing, BuildError
        The compiler, or the emulator of this core, is not there or does not go.
    RunError
        The call takes more than ``MOST`` instructions, or does what the core does not allow.
    ConfigError
        A layer has no C.
    """
    within = lying(graph, inside)
    project = emit_net_project(graph, _NAME, About("", "", ""), inside=within, optimize=optimize)
    sources = project.sources()
    parts = emit_tensors(graph, _NAME, inside=within, optimize=optimize)
    given = _given(graph, project.arena_bytes, {name: at for name, (_, at) in parts.lying.items()})
    alone = build_elf(sources, core, opt=_OPT, keep=(f"{_NAME}_init", f"{_NAME}_run"))
    tables = {
        one.declaration.partition("[")[0].split()[-1] for one in parts.definitions if isinstance(one, Table)
    }
    numbers = sum(size for name, size in alone.sizes().items() if name in tables)
    bound = alone.stack.bound(f"{_NAME}_run")
    probed = _probes(graph, sources[f"{_NAME}.c"], parts.calls, within) if layers else ""
    if core.unicorn:
        call = _call(graph, alone, given)
        probes = {**sources, f"{_NAME}.c": probed}
        each = _each(graph, probes, core, given) if layers else ()
    else:
        call = _call_in_qemu(graph, sources, core, inside)
        probes = {**sources, f"{_NAME}.c": probed}
        each = _each_in_qemu(graph, probes, core, given) if layers else ()
    return Counted(core.name, call, tuple(each), alone.flash - numbers, numbers, bound.bytes, bound.unknown)


def tried(
    graph: Graph,
    core: Cpu,
    *,
    layers: bool = True,
    optimize: str = "balanced",
    inside: tuple[bool, bool] = (False, False),
) -> tuple[Counted | None, str]:
    """What ``count`` gives; None with the reason where it does not go."""
    try:
        return count(graph, core, layers=layers, optimize=optimize, inside=inside), ""
    except ToolMissing as error:
        return None, f"{error.message}: {error.hint}"
    except (BuildError, RunError, ConfigError) as error:
        return None, error.message


# ---------------------------------------------------------------- functions of one layer


def _probes(graph: Graph, source: str, calls: Sequence[Call], inside: Sequence[str]) -> str:
    """Source with a function for each layer, and one of nothing, in place of the one that runs them all."""
    plain = body(calls)
    if source.count(plain) != 1:
        raise InternalError("the statements of the net are not those of the project")
    given = arguments(graph, inside)
    each: list[list[Call]] = [[] for _ in graph.nodes]
    after = len(graph.nodes) - 1
    for call in reversed(calls):
        # copying and zeroing count to the layer that reads the result
        after = after if call.layer is None else call.layer
        each[after].insert(0, call)
    made = [(f"probe_{k}", body(some)) for k, some in enumerate(each)]
    probes = "".join(
        f"void {n}({given});\nvoid {n}({given})\n{{\n{t}}}\n\n" for n, t in [("probe", ""), *made]
    )
    return f"{source.replace(plain, '')}\n{probes}"


@dataclass(frozen=True, slots=True)
class _Given:
    """Memory of a call as it begins: what the caller has, by name, and the working memory."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    states: Mapping[str, Array]
    arena: Array


def _given(graph: Graph, room: int, places: Mapping[str, int]) -> _Given:
    """Inputs that are made; ``places``: where inputs and outputs in the working memory lie."""
    made = spread(ports(graph, graph.inputs), 1, SEED).arrays
    arena = np.zeros(max(room, 1), np.uint8)
    ins, states = {}, {}
    for name, array in zip(graph.inputs, made, strict=True):
        one = np.ascontiguousarray(array[0])
        if name in places:
            raw = np.frombuffer(one.tobytes(), np.uint8)
            arena[places[name] : places[name] + raw.size] = raw
        else:
            ins[name] = one
    outs = {n: np.zeros(graph.tensors[n].bytes, np.uint8) for n in graph.outputs if n not in places}
    firsts = first_states(graph)
    for state in graph.states:
        kind = ports(graph, (state.read,))[0].kind
        states[state.read] = np.full(graph.tensors[state.read].shape, int(firsts[state.read]), kind)
    return _Given(ins, outs, states, arena)


# ---------------------------------------------------------------- Unicorn


def _call(graph: Graph, image: Image, given: _Given) -> Ran:
    """One call of the library."""
    from sensorai.toolchain.emulator import Emulator

    emulator = Emulator(image, limit=MOST)
    kept = sum(graph.tensors[s.read].bytes + 8 for s in graph.states)
    context = emulator.buffer(given.arena.size + kept + _AROUND)
    if emulator.call(f"{_NAME}_init", context).value != 0:
        raise InternalError("a context is refused")
    emulator.clear()
    # a context begins with the working memory
    emulator.engine.mem_write(context.address, given.arena.tobytes())
    buffers = [emulator.buffer(array) for array in (*given.inputs.values(), *given.outputs.values())]
    ran = emulator.call(f"{_NAME}_run", context, *buffers)
    if ran.value != 0:
        raise InternalError("a call is refused")
    return Ran(ran.instructions, float(estimate(image.cpu, emulator.counter)))


def _each(graph: Graph, sources: dict[str, str], core: Cpu, given: _Given) -> list[Ran]:
    """Every layer, in order, on the same memory."""
    from sensorai.toolchain.emulator import Emulator

    names = ["probe", *(f"probe_{k}" for k in range(len(graph.nodes)))]
    # parameters that a layer does not read are no mistake here
    emulator = Emulator(build_elf(sources, core, opt=_OPT, flags=(), keep=names), limit=MOST)
    has = (*given.inputs.values(), *given.outputs.values(), *given.states.values())
    buffers = [emulator.buffer(array) for array in has]
    memory = emulator.buffer(given.arena)
    out = []
    for name in names:
        emulator.clear()
        ran = emulator.call(name, *buffers, memory, returns="void")
        out.append(Ran(ran.instructions, float(estimate(core, emulator.counter))))
    none = out[0]
    return [
        Ran(max(one.instructions - none.instructions, 0), max((one.cycles or 0) - (none.cycles or 0), 0.0))
        for one in out[1:]
    ]


# ---------------------------------------------------------------- QEMU

_MAIN = """#include <stdint.h>
#include "harness.h"

#define KEEP __attribute__((aligned(8)))
DECLARED
static uint8_t arena[ARENA] KEEP;

int main(void)
{
READS
CALLS    return 0;
}
"""


def _each_in_qemu(graph: Graph, sources: dict[str, str], core: Cpu, given: _Given) -> list[Ran]:
    from sensorai.toolchain.qemu import build, run_image

    tensors = [*given.inputs, *given.outputs, *given.states]
    has = [*given.inputs.values(), *given.outputs.values(), *given.states.values(), given.arena]
    names = [f"m{k}" for k in range(len(tensors))]
    kinds = [KINDS[graph.tensors[n].dtype][0] for n in tensors]
    sizes = [graph.tensors[n].size for n in tensors]
    probes = ["probe", *(f"probe_{k}" for k in range(len(graph.nodes)))]
    passed = ", ".join([*names, "arena"])
    inside = {*graph.inputs, *graph.outputs} - {*given.inputs, *given.outputs}
    declared = [f"void {probe}({arguments(graph, inside)});" for probe in probes]
    declared += [f"static {k} {n}[{size}] KEEP;" for k, n, size in zip(kinds, names, sizes, strict=True)]
    # outputs come out zero, and states start as the file says
    reads = "".join(f"    (void)harness_read({n}, sizeof {n});\n" for n in (*names, "arena"))
    calls = "".join(f"    harness_begin();\n    {p}({passed});\n    harness_end();\n" for p in probes)
    main = (
        _MAIN.replace("DECLARED", "\n".join(declared))
        .replace("ARENA", str(given.arena.size))
        .replace("READS", reads)
        .replace("CALLS", calls)
    )
    image = build({**sources, "run_main.c": main}, core, opt=_OPT, flags=())
    ran = run_image(image, b"".join(a.tobytes() for a in has), timeout=600.0).instructions
    if len(ran) != len(probes):
        raise RunError(f"QEMU counts nothing on {core.name}")
    return [Ran(max(one - ran[0], 0), None) for one in ran[1:]]


def _call_in_qemu(graph: Graph, sources: dict[str, str], core: Cpu, inside: tuple[bool, bool]) -> Ran:
    from sensorai.toolchain.qemu import build, run_image

    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program = Program(_NAME, "native", sources, ins, outs, None, inside)
    image = build({**sources, "run_main.c": program.main()}, core, opt=_OPT)
    ran = run_image(image, program.stream(spread(ins, 1, SEED)), timeout=600.0).instructions
    if len(ran) != 1:
        raise ConfigError(f"QEMU counts nothing on {core.name}")
    return Ran(ran[0], None)
