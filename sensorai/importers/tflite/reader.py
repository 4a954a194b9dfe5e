"""Walks a TensorFlow Lite model: tensors with their scales, then operator by operator through the rules."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, DataError, SensoraiError
from sensorai.graph.graph import Graph
from sensorai.graph.quant import Affine, Quant
from sensorai.graph.tensor import Shape, Tensor
from sensorai.importers.libraries import library
from sensorai.importers.net import NetBuilder
from sensorai.importers.refusals import Follows, Refusals
from sensorai.importers.tflite.branches import BRANCHES, Budget
from sensorai.importers.tflite.refused import instead
from sensorai.importers.tflite.rules import Declared, Rule, TfliteNode
from sensorai.importers.tflite.spectrum import PAIRS
from sensorai.importers.tflite.table import RULES
from sensorai.importers.tflite.values import COMPLEX, OTHERS, TYPES, shape_of, stored, values
from sensorai.importers.tflite.variables import VARIABLES, Step, Variables, named


def read(path: Path, shapes: Mapping[str, Shape] | None = None, float32: bool = False) -> Graph:
    """Read a file.

    Parameters
    ----------
    path : Path
    shapes : mapping of input name to shape, optional
        In place of those in the file; open extents of the file are 1.
    float32 : bool
        Whether all that is float16 or float64 becomes float32.

    Raises
    ------
    DataError
        The file cannot be read or is no TensorFlow Lite model.
    ConfigError
        It holds what is not supported: which operator, which option.
    """
    tflite = library("tflite")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the model: {error.strerror}", where=str(path)) from None
    if data[4:8] != b"TFL3":
        raise DataError("this is no TensorFlow Lite model", where=str(path))
    try:
        return _model(tflite.Model.GetRootAs(data), shapes or {}, float32)
    except SensoraiError:
        raise
    except (struct.error, IndexError, TypeError, ValueError, AttributeError, UnicodeDecodeError) as error:
        raise DataError(f"the model is damaged: {error}", where=str(path)) from None


def _model(model: Any, shapes: Mapping[str, Shape], float32: bool) -> Graph:
    if model.SubgraphsLength() < 1:
        raise DataError("the model holds no net")
    return Walk(model, 0, shapes, float32=float32).graph()


class Walk:
    """One net of a model while it is read; the nets of its branches and loops are read into the same.

    Parameters
    ----------
    model : tflite.Model
    number : int
        Which of its nets.
    shapes : mapping of input name to shape
    outer : Walk, optional
        The one that this one lies in.
    maybe : bool
        Whether its results are taken in some calls only.
    float32 : bool
        See ``NetBuilder``.
    """

    def __init__(
        self,
        model: Any,
        number: int,
        shapes: Mapping[str, Shape],
        outer: Walk | None = None,
        maybe: bool = False,
        float32: bool = False,
    ) -> None:
        self.model, self.number, self.shapes, self.maybe = model, number, shapes, maybe
        self.sub = model.Subgraphs(number)
        self.net: NetBuilder = outer.net if outer else NetBuilder(float32)
        #: Classes of options by their number in the file.
        self.kinds = {v: k for k, v in vars(library("tflite").BuiltinOptions).items() if isinstance(v, int)}
        self.known: dict[int, Tensor] = {}
        self.variables: Variables = outer.variables if outer else Variables(self.net)
        #: Tensors in which operators keep their numbers, by net and number.
        self.held: set[tuple[int, int]] = outer.held if outer else set()
        #: Constants of the file, which every turn of a loop shares.
        self.constants: dict[tuple[int, int], Tensor] = outer.constants if outer else {}
        self.budget: Budget = outer.budget if outer else Budget()
        self.refusals = Refusals()
        #: Tensors that nothing stands for since their operator was refused.
        self.lost: set[int] = set()
        #: Tensors of the net that stand in for such, and what is made of them.
        self.unsure: set[str] = set()

    def graph(self) -> Graph:
        """Read inputs, then operators."""
        open_ones = []
        for i in (int(v) for v in self._list(self.sub, "Inputs")):
            said = self._declared(i)
            self._real(i)
            shape = self.shapes.get(said.name, said.shape)
            if len(shape) != len(said.shape):
                raise ConfigError(f"the input {said.name} has {len(said.shape)} axes, not {len(shape)}")
            if -1 in self._list(self.sub.Tensors(i), "ShapeSignature")[1:] and said.name not in self.shapes:
                open_ones.append(said.name)
            self.known[i] = self.net.input(said.name, shape, said.dtype, said.quant)
        with self.refusals.told():
            for k in range(self.sub.OperatorsLength()):
                self._tried(self.sub.Operators(k), open_ones)
            outputs = self.outputs()
            self.variables.finish()
            return self.net.graph(outputs)

    def _tried(self, one: Any, open_ones: Sequence[str]) -> None:
        """Read an operator; where it is refused, that is noted and those behind it are read all the same."""
        read = [self.known[i] for i in self._list(one, "Inputs") if i in self.known]
        unsure = any(x.name in self.unsure for x in read)
        try:
            self._operator(one)
        except ConfigError as error:
            if open_ones and not error.hint:
                # what the file has in their place is 1, which few nets can take
                error.hint = f"its inputs have open extents, read as 1: say --shape {open_ones[0]}=1x..."
            self.refusals.note(error, unsure)
            # what the file says of results holds for the shapes that it says of inputs
            declared = any(x.data is None for x in read) and not open_ones and not self.shapes
            self._without(one, declared)
        if unsure:
            made = (self.known.get(i) for i in self._list(one, "Outputs"))
            self.unsure.update(y.name for y in made if y is not None)

    def _without(self, one: Any, declared: bool) -> None:
        """Let others stand in for what a refused operator makes, as the file declares them."""
        for i in (i for i in self._list(one, "Outputs") if i not in self.known):
            try:
                said = self._declared(i) if declared else None
            except ConfigError:
                said = None
            made = None if said is None else self.net.stand_in(said.name, said.shape, said.dtype, said.quant)
            if made is None:
                self.lost.add(i)
            else:
                self.known[i] = made
                self.unsure.add(made.name)

    def operators(self) -> list[Tensor]:
        """Read operators; what the net gives."""
        for k in range(self.sub.OperatorsLength()):
            self._operator(self.sub.Operators(k))
        return self.outputs()

    def outputs(self) -> list[Tensor]:
        """What the net gives."""
        places = self._list(self.sub, "Outputs")
        for i in places if self.number == 0 else ():
            self._real(i)
        outputs = [self._tensor(i) for i in places]
        if lost := [i for i, t in zip(places, outputs, strict=True) if t is None]:
            raise ConfigError(f"nothing makes the output {self._declared(lost[0]).name}")
        return [t for t in outputs if t is not None]

    def inside(self, number: int, inputs: Sequence[Tensor], maybe: bool = False) -> list[Tensor]:
        """Read another net of the model in place, with these inputs; what it gives."""
        if not 0 < number < self.model.SubgraphsLength():
            raise DataError(f"the model has no net {number}, which a branch or loop runs")
        walk = Walk(self.model, number, {}, self, maybe or self.maybe)
        places = self._list(walk.sub, "Inputs")
        if len(places) != len(inputs):
            raise ConfigError(f"net {number} of the model has {len(places)} inputs, not {len(inputs)}")
        for i, x in zip(places, inputs, strict=True):
            if self.net.kind((said := walk._declared(i)).dtype) != x.dtype:
                raise ConfigError(f"the input {said.name} of net {number} is {said.dtype}, not {x.dtype}")
            walk.known[i] = x
        with self.budget.inside(walk.sub.OperatorsLength()):
            return walk.operators()

    def _kind(self, one: Any) -> tuple[Any, str]:
        """Code of an operator, and its name."""
        tflite = library("tflite")
        code = self.model.OperatorCodes(one.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if number == tflite.BuiltinOperator.CUSTOM:
            kind = (code.CustomCode() or b"").decode("utf-8", errors="replace")
        else:
            kind = tflite.BUILTIN_OPCODE2NAME.get(number, f"operator {number}")
        return code, kind

    def _operator(self, one: Any) -> None:
        code, kind = self._kind(one)
        if lost := [i for i in self._list(one, "Inputs") if i in self.lost]:
            raise Follows(f"{kind} reads {self._declared(lost[0]).name}")
        if kind in VARIABLES:
            return self._variable(one, kind)
        if kind in BRANCHES:
            return self._branch(one, kind)
        said = tuple(self._declared(int(i)) for i in self._list(one, "Outputs"))
        self.net.named(*(made.name for made in said))
        places = [int(i) for i in self._list(one, "Inputs")]
        inputs = tuple(self._tensor(i) for i in places)
        custom = bytes(one.CustomOptionsAsNumpy()) if one.CustomOptionsLength() else b""
        kept = {
            k: self._declared(i) for k, i in enumerate(places) if i >= 0 and self.sub.Tensors(i).IsVariable()
        }
        options = self._options(one)
        node = TfliteNode(self.net, kind, code.Version(), inputs, said, options, custom, kept)
        if kind not in RULES:
            raise ConfigError(f"{node.where}: this operator is not supported", hint=instead(kind))
        if lost := [i for k, i in enumerate(places) if i >= 0 and inputs[k] is None and k not in kept]:
            name = self._declared(lost[0]).name
            raise ConfigError(f"{node.where} reads {name}, which nothing before it makes")
        if twice := [places[k] for k in kept if (self.number, places[k]) in self.held]:
            name = self._declared(twice[0]).name
            raise ConfigError(f"{node.where} keeps its numbers in {name}, where another operator does")
        if kept and self.maybe:
            raise ConfigError(f"{node.where} keeps numbers between calls in a branch, which is not supported")
        self.held.update((self.number, places[k]) for k in kept)
        with self.net.reading(node.where):
            made = (RULES if not self._complex(one) else self._pairs(node))[kind](node)
        for i, tensor, want in zip(self._list(one, "Outputs"), made, said, strict=False):
            if tensor.dtype != self.net.kind(want.dtype):
                raise ConfigError(f"{node.where} makes {tensor.dtype}, but the file says {want.dtype}")
            self.known[int(i)] = tensor
        return None

    def _real(self, i: int) -> None:
        if self.sub.Tensors(i).Type() == COMPLEX:
            name = self._declared(i).name
            raise ConfigError(
                f"the net takes or gives {name}, which is complex64 and is not supported",
                hint="let the model take or give two real tensors in its place: tf.math.real, tf.math.imag",
            )

    def _complex(self, one: Any) -> bool:
        """Whether complex numbers go into an operator, or come out."""
        places = [*self._list(one, "Inputs"), *self._list(one, "Outputs")]
        return any(self.sub.Tensors(i).Type() == COMPLEX for i in places if i >= 0)

    @staticmethod
    def _pairs(node: TfliteNode) -> Mapping[str, Rule]:
        if node.kind not in PAIRS:
            raise ConfigError(
                f"{node.where}: complex numbers are not supported here",
                hint=f"they are in {', '.join(PAIRS)}",
            )
        return PAIRS

    def _branch(self, one: Any, kind: str) -> None:
        outputs = self._list(one, "Outputs")
        where = f"operator {self._declared(outputs[0]).name if outputs else ''} ({kind})"
        inputs = []
        for i in self._list(one, "Inputs"):
            if (x := self._tensor(i)) is None:
                raise ConfigError(f"{where} reads what nothing before it makes")
            inputs.append(x)
        names = [self._declared(i).name for i in outputs]
        with self.net.reading(where):
            made = BRANCHES[kind](self, where, self._options(one), inputs, names)
        if len(made) != len(outputs):
            raise ConfigError(f"{where}: its net gives {len(made)} tensors, not {len(outputs)}")
        self.known.update(zip(outputs, made, strict=True))

    def _variable(self, one: Any, kind: str) -> None:
        if self.maybe and kind != "READ_VARIABLE" and kind != "VAR_HANDLE":
            raise ConfigError(f"{kind} in a branch that not every call takes is not supported")
        step = Step(kind, self._list(one, "Inputs"), self._list(one, "Outputs"), self._options(one))
        if kind == "VAR_HANDLE":
            self.variables.handle(step)
        elif kind == "READ_VARIABLE":
            self.known[step.outputs[0]] = self.variables.read(step, self._declared)
        elif kind == "ASSIGN_VARIABLE":
            self.variables.assign(step, self._tensor(step.inputs[1]))
        else:
            self._once(step.options.InitSubgraphIndex() if step.options is not None else -1)

    def _once(self, number: int) -> None:
        """Read what fills the variables before the first call: constants only."""
        if not 0 < number < self.model.SubgraphsLength():
            raise DataError(f"CALL_ONCE calls net {number}, which is not there")
        walk = Walk(self.model, number, {})
        keys: dict[int, tuple[bytes, bytes]] = {}
        for k in range(walk.sub.OperatorsLength()):
            one = walk.sub.Operators(k)
            kind, places = walk._kind(one)[1], walk._list(one, "Inputs")
            if kind == "VAR_HANDLE":
                keys[walk._list(one, "Outputs")[0]] = named(walk._options(one))
                continue
            value = walk._tensor(places[1]) if kind == "ASSIGN_VARIABLE" and places[0] in keys else None
            if value is None or value.data is None:
                raise ConfigError(f"the net that fills the variables holds {kind}, which is not supported")
            self.variables.first[keys[places[0]]] = value.data

    def _options(self, one: Any) -> Any:
        tflite = library("tflite")
        name = self.kinds.get(one.BuiltinOptionsType(), "NONE")
        table = one.BuiltinOptions()
        if name == "NONE" or table is None or not hasattr(tflite, name):
            return None
        options = getattr(tflite, name)()
        options.Init(table.Bytes, table.Pos)
        return options

    def _tensor(self, i: int) -> Tensor | None:
        """Tensor by its number: computed before, or a constant of the file; None where it is left out."""
        if i < 0:
            return None
        if i in self.known:
            return self.known[i]
        if (self.number, i) not in self.constants:
            tensor = self.sub.Tensors(i)
            said = self._declared(i)
            data = stored(self.model, tensor.Buffer())
            if tensor.IsVariable() or (not data and said.shape and 0 not in said.shape):
                return None
            numbers = values(data, said, tensor.Sparsity())
            self.constants[self.number, i] = self.net.constant(said.name, numbers, said.dtype, said.quant)
        return self.constants[self.number, i]

    def _declared(self, i: int) -> Declared:
        tensor = self.sub.Tensors(i)
        name = (tensor.Name() or b"").decode("utf-8", errors="replace")
        if tensor.Type() == COMPLEX:
            return Declared(name, "float32", (*shape_of(self._list(tensor, "Shape")), 2), None)
        if tensor.Type() not in TYPES:
            kind = OTHERS.get(tensor.Type(), f"type {tensor.Type()}")
            raise ConfigError(f"tensor {name} is of a type that is not supported ({kind})")
        shape = shape_of(self._list(tensor, "Shape"))
        return Declared(name, TYPES[tensor.Type()], shape, _quant(tensor.Quantization(), shape, name))

    @staticmethod
    def _list(owner: Any, what: str) -> list[int]:
        if not getattr(owner, f"{what}Length")():
            return []
        return [int(v) for v in getattr(owner, f"{what}AsNumpy")()]


def _quant(found: Any, shape: Shape, name: str) -> Quant:
    if found is None or not found.ScaleLength():
        return None
    scale = tuple(float(v) for v in found.ScaleAsNumpy())
    zero = tuple(int(v) for v in found.ZeroPointAsNumpy()) if found.ZeroPointLength() else (0,)
    if len(zero) == 1:
        zero = zero * len(scale)
    axis = int(found.QuantizedDimension()) if len(scale) > 1 else 0
    if len(scale) > 1 and (not 0 <= axis < len(shape) or shape[axis] != len(scale)):
        raise ConfigError(f"tensor {name} has {len(scale)} scales along axis {axis} of {shape}")
    try:
        return Affine(scale, zero, axis) if len(scale) > 1 else Affine(scale, zero)
    except ConfigError as error:
        raise ConfigError(f"tensor {name}: {error.message}", hint=error.hint) from None
