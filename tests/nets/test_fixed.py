"""Kernels of programs that get other nets are told by the calls of their C."""

from __future__ import annotations

from sensorai.codegen.parts import Call, CodeParts
from sensorai.nets.fixed import fast_layers
from sensorai.ops.nd.fast_counted import COUNTED


def test_every_kernel_for_the_instructions_of_a_core_is_found() -> None:
    names = [name for _, name in COUNTED if name != "open" and not name.startswith("plain")]
    assert any("_three_" in name for name in names)
    calls = tuple(Call(f"sa_nd_{name}_tflite(&layer, x, y);", k) for k, name in enumerate(names))
    found = fast_layers(CodeParts(calls=(*calls, Call("sa_nd_conv_s8_plain(&layer);", len(names)))))
    assert list(found) == list(range(len(names)))
    assert all(f"sa_nd_{name}".startswith(found[k]) for k, name in enumerate(names))
