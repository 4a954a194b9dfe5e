"""The contract of operators: one frozen dataclass each, whose fields are its settings.

The rest of the house asks an operator through this contract and knows none by name. What an operator does
not say is what most do: one output, no place of its own, no form in integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from sensorai.errors import ConfigError
from sensorai.graph.quant import Quant
from sensorai.graph.tensor import Array, Shape, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """An operator's tensors.

    Attributes
    ----------
    name : str
        Of the layer: its first output.
    inputs : tuple of Tensor
        What is computed before it.
    constants : mapping of str to ndarray
        By role.
    outputs : tuple of Tensor
        Empty while shapes are inferred.
    isa : str
        Instructions that kernels are chosen for; "": any core's.
    changing : bool
        Whether other numbers may come to the C, see ``Graph.changing``.
    way : str
        Name of the kernel that was chosen, one of ``Operator.ways``; "": the operator's own choice.
    """

    name: str
    inputs: tuple[Tensor, ...]
    constants: Mapping[str, Array]
    outputs: tuple[Tensor, ...] = ()
    isa: str = ""
    changing: bool = False
    way: str = ""

    @property
    def x(self) -> Tensor:
        """First input."""
        return self.inputs[0]

    @property
    def out(self) -> Tensor:
        """First output."""
        return self.outputs[0]

    def constant(self, role: str) -> Array:
        """Constant of a role; a ConfigError where the layer has none."""
        if role not in self.constants:
            raise ConfigError(f"layer {self.name}: {role} is missing")
        return self.constants[role]


@dataclass(frozen=True, slots=True)
class Way:
    """A kernel that can compute a layer, and what it takes.

    Attributes
    ----------
    name : str
    instructions : float
        Of a call, by a model whose coefficients were counted.
    code : int
        Bytes of its functions, which are in a program once.
    numbers : int
        Bytes of its tables.
    scratch : int
        Bytes that it uses while it runs.
    ending : str
        Which of its functions: the code of others of the same name is beside them in a program.
    """

    name: str
    instructions: float
    code: int
    numbers: int = 0
    scratch: int = 0
    ending: str = ""

    @property
    def functions(self) -> tuple[str, str]:
        """What is in a program once, however many layers call it."""
        return self.name, self.ending


@dataclass(frozen=True, slots=True)
class Margin:
    """Bytes of zeros that a kernel reads right before and after an input, and of anything after it."""

    left: int = 0
    right: int = 0
    slop: int = 0


@dataclass(frozen=True, slots=True)
class Buffers:
    """What a kernel needs of the memory round its tensors, and leaves alone in it.

    Attributes
    ----------
    margins : tuple of Margin
        For the first inputs; the others need none.
    in_place : bool
        The output may lie where any of the inputs lies, from the same byte on.
    alias : bool
        The output is the bytes of the first input: nothing runs.
    scratch : int
        Bytes that the kernel uses while it runs.
    overlap : tuple of (int or None)
        For the first inputs: the first output may run over the input, whose last reader this is, where the
        input begins at least so many bytes behind the output. None, and for inputs that are not named: no
        distance will do. What ``in_place`` allows stands beside this. Never below 0.

        A kernel that goes over all places for some channels, then over all places for the next ones, has no
        such distance, though it may work in place.
    """

    margins: tuple[Margin, ...] = ()
    in_place: bool = False
    alias: bool = False
    scratch: int = 0
    overlap: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Lowered:
    """The integer form of an operator: what it becomes, and what it makes."""

    op: Operator
    dtype: str
    quant: Quant
    constants: Mapping[str, Array] = field(default_factory=dict)


class Writer(Protocol):
    """What an operator writes its C to."""

    @property
    def index(self) -> int:
        """Number of the layer, for names."""
        ...

    @property
    def updatable(self) -> bool:
        """Whether numbers may be others when the program runs: then none decides about the form of the C."""
        ...

    def at(self, tensor: Tensor, kind: str = "int8_t", back: int = 0) -> str:
        """C expression: pointer to the values of a tensor, ``back`` bytes of margin before them."""
        ...

    def read(self, tensor: Tensor, back: int = 0) -> str:
        """Pointer for reading int8 values."""
        ...

    def direct(self, tensor: Tensor) -> bool:
        """Whether a tensor is written straight into the scores that the caller gives."""
        ...

    def real(self, value: float) -> str:
        """Literal of a float32 value."""
        ...

    def number(self, value: float, dtype: str = "int32") -> str:
        """C expression of a number that another training would change: scales, zero points, factors."""
        ...

    def table(self, kind: str, name: str, values: Array, *, aligned: bool = False) -> str:
        """Define a table and return its name; ``aligned``: as the packed kernels read it."""
        ...

    def shared(self, kind: str, name: str, values: Array) -> str:
        """Define a table, once for all layers that have the same numbers, and return its name."""
        ...

    def spare(self, table: str, saved: int) -> None:
        """Say how many bytes a table takes less than the numbers that it stands for; counted once."""
        ...

    def layer(self, fields: Mapping[str, object], kind: str = "sa_nn_layer_t", stem: str = "layer") -> str:
        """Define the description of the layer, named by ``stem``, and return a pointer to it."""
        ...

    def depthwise(self, kind: str, taps: int) -> str:
        """Name of a depthwise function for one way out and one kernel size, defined once."""
        ...

    def call(self, file: str, function: str, *arguments: object, into: str = "") -> None:
        """Add a call of a function in a file of the runtime, its result stored ``into`` a place."""
        ...

    def source(self, tensor: Tensor) -> str:
        """C expression: ``const KIND *`` to the values of a tensor, computed, given or constant."""
        ...

    def target(self, tensor: Tensor) -> str:
        """C expression: ``KIND *`` to where the values of a computed tensor go."""
        ...

    def scratch(self, kind: str) -> str:
        """C expression: ``KIND *`` to the bytes that ``Buffers.scratch`` asked for."""
        ...

    def free_scratch(self) -> int:
        """Bytes that ``take_scratch`` may take while this layer runs, in one piece.

        By what is to be saved: where it is instructions, as many as anybody could want; else those that hold
        nothing while the layer runs, so that taking them costs no byte. A kernel that needs more is not to be
        chosen.
        """
        ...

    def take_scratch(self, kind: str, size: int) -> str:
        """C expression: ``KIND *`` to ``size`` bytes for this layer, beside those taken before.

        Raises
        ------
        InternalError
            There are fewer, see ``free_scratch``.
        """
        ...

    def function(self, stem: str, parameters: str, text: str, *runtime: str) -> str:
        """Define a static function of this layer and return its name.

        Parameters
        ----------
        stem : str
            What it does, for its name.
        parameters, text : str
            C between its parentheses and its braces; the text with four spaces before each line.
        *runtime
            Files of ``sensorai.runtime`` that the text needs, such as ``nd/sa_nd_math.h``.
        """
        ...

    def run(self, function: str, *arguments: object) -> None:
        """Add a call of a function that ``function`` defined."""
        ...


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator with its settings."""

    #: Its name in files and messages.
    NAME: ClassVar[str]
    #: Whether inputs are any tensors by their place, constant or computed, some of them left out; their
    #: number, and what comes out of them, is the word of ``infer``.
    OPEN: ClassVar[bool] = False
    #: Inputs that are computed, and roles of the constants that may follow them, in order.
    INPUTS: ClassVar[int] = 1
    CONSTANTS: ClassVar[tuple[str, ...]] = ()
    #: Pairs (type of every computed input, type of every output) that it computes.
    TYPES: ClassVar[frozenset[tuple[str, str]]]
    #: Whether it has C. One that has none stands in float nets only, and is taken into another by a pass.
    EMITTED: ClassVar[bool] = True
    #: Whether its results are rounded to the scale of the output where they are int8.
    ROUNDS: ClassVar[bool] = False

    def shape(self, at: Applied) -> Shape:
        """Shape of the only output; a ConfigError where inputs or constants do not fit."""
        raise NotImplementedError

    def shapes(self, at: Applied) -> tuple[Shape, ...]:
        """Shapes of all outputs."""
        return (self.shape(at),)

    def reference(self, at: Applied, *arrays: Array) -> Array:
        """Exact result for arrays with a batch axis in front, as the generated C computes it."""
        raise NotImplementedError

    def results(self, at: Applied, *arrays: Array) -> tuple[Array, ...]:
        """Exact results of all outputs."""
        return (self.reference(at, *arrays),)

    def float_form(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> Any:
        """Compute the same in real numbers with ``xp`` being numpy or jax.numpy, for training."""
        raise NotImplementedError

    def float_forms(self, xp: Any, constants: Mapping[str, Any], *arrays: Any) -> tuple[Any, ...]:
        """All outputs in real numbers."""
        return (self.float_form(xp, constants, *arrays),)

    def check(self, at: Applied) -> None:
        """Raise a ConfigError where constants do not fit, or sums could leave their type."""

    def accept(self, at: Applied) -> None:
        """Raise a ConfigError unless the types of inputs and outputs go together."""
        for x in at.inputs:
            for out in at.outputs:
                if (x.dtype, out.dtype) not in self.TYPES:
                    where = f"layer {at.name} ({self.NAME})"
                    raise ConfigError(f"{where} cannot make {out.dtype} from {x.dtype}")

    def macs(self, at: Applied) -> int:
        """Multiply-accumulates of one inference."""
        return 0

    def macc(self, at: Applied) -> int:
        """Operations of one inference as ST's tool counts them."""
        return self.macs(at)

    def buffers(self, at: Applied) -> Buffers:
        """What its kernel needs of the memory."""
        return Buffers()

    def ways(self, at: Applied) -> tuple[Way, ...]:
        """Kernels that compute the same, whose costs are known; () where there is nothing to choose."""
        return ()

    def lowered(self, at: Applied) -> Lowered:
        """Integer form for an input as it is in the integer net; a ConfigError where there is none.

        ``at`` holds the float net's constants and the integer net's inputs.
        """
        raise ConfigError(f"layer {at.name} ({self.NAME}) cannot be quantised where it stands")

    def emit(self, at: Applied, to: Writer) -> None:
        """Write the C of one call."""
        raise ConfigError(
            f"layer {at.name} ({self.NAME}) has no C",
            hint="quantize folds batch_norm and sign into the layers before them",
        )

    @classmethod
    def cases(cls) -> Iterator[tuple[str, Any]]:
        """Small graphs (made of operators, so not known here) that meet every branch of reference and C."""
        yield from ()
