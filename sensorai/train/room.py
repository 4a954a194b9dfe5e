"""What a pipeline takes on its device: its C is built, and the bytes are held against the memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sensorai.codegen.parts import LayerCost
from sensorai.codegen.project import Project, emit_project
from sensorai.errors import Problem
from sensorai.ispu import devices as ispu_devices
from sensorai.ispu.emit import emit_ispu
from sensorai.ispu.project import App
from sensorai.ispu.standin import SOURCE, StandIn, stand_in
from sensorai.mcu import devices as mcu_devices
from sensorai.model.pipeline import Pipeline
from sensorai.toolchain.compilers import available
from sensorai.train.sizes import Need
from sensorai.verify import cproject

#: Where the bytes come from when an Arm compiler is there, and when none is.
COMPILED = "compiled; stack as the compiler states it"
COUNTED = "counted: constants and buffers alone, as no Arm compiler is installed"


def need(pipeline: Pipeline, target: str, device: str) -> Need:
    """Build a pipeline for its device and say what does not fit.

    Without a compiler only constants and buffers are counted: what does not fit then, never does.

    Parameters
    ----------
    pipeline : Pipeline
    target : {"ispu", "stm32"}
    device : str
    """
    project = emit_project(pipeline)
    if target == "ispu":
        return _on_ispu(pipeline, project, device)
    part = mcu_devices.device(device)
    if available("arm-none-eabi-gcc"):
        sizes = cproject.sizes(pipeline, project.sources(), part.cpu)
        return mcu_need(part, sizes.flash, sizes.ram + sizes.stack, project, COMPILED)
    return mcu_need(part, *_counted(pipeline, project), project, COUNTED)


def mcu_need(part: mcu_devices.McuDevice, flash: int, ram: int, project: Project, source: str) -> Need:
    """Hold bytes against the memories of a microcontroller; ``ram`` with the stack.

    A problem says by how much, and names the largest layer and devices with room.
    """
    roomy = [one.name for one in mcu_devices.with_room(flash, ram)]
    problems = [
        Problem(
            f"{used} bytes of {what} are {used - size} more than {part.name} has"
            + _largest(project.layers, what),
            hint="devices with room: " + ", ".join(roomy[:3]) if roomy else "no known device has room",
        )
        for what, used, size in (("flash", flash, part.flash), ("RAM", ram, part.ram))
        if size is not None and used > size
    ]
    return Need(flash, ram, source, tuple(problems))


def ispu_need(built: StandIn, app: App, project: Project, source: str = SOURCE) -> Need:
    """Hold bytes against the memories of an ISPU, as ``mcu_need`` does."""
    problems = [
        replace(p, message=p.message + _largest(project.layers, "flash" if "code" in p.message else "RAM"))
        for p in built.problems(app, source)
    ]
    return Need(built.code_bytes, built.data_with_stack(app), source, tuple(problems))


def _on_ispu(pipeline: Pipeline, project: Project, device: str) -> Need:
    app, files = emit_ispu(pipeline, ispu_devices.device(device))
    if available("arm-none-eabi-gcc"):
        return ispu_need(stand_in(app, files), app, project)
    code, data = _counted(pipeline, project)
    return ispu_need(StandIn(code, data, 0, (), "", ()), app, project, COUNTED)


def _counted(pipeline: Pipeline, project: Project) -> tuple[int, int]:
    """Least flash and RAM: constants of layers; the window and the working memory."""
    window = 2 * pipeline.window * len(pipeline.channels)
    return sum(layer.weight_bytes for layer in project.layers), project.arena_bytes + window


def _largest(layers: Sequence[LayerCost], of: str) -> str:
    """Name the layer with most bytes of what does not fit: ``flash`` or ``RAM``."""
    if not layers:
        return ""
    if of == "flash":
        one = max(layers, key=lambda layer: layer.weight_bytes)
        return f"; the largest layer is {one.name} with {one.weight_bytes} bytes"
    one = max(layers, key=lambda layer: layer.activation_bytes)
    return f"; the layer with most activations is {one.name} with {one.activation_bytes} bytes"
