"""A pipeline as a whole ISPU project: the generated model and what lies around it on the core."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.codegen.fields import summary as in_one_line
from sensorai.codegen.project import emit_project
from sensorai.errors import ConfigError
from sensorai.ispu.devices import IspuDevice
from sensorai.ispu.project import App, project_files, readme
from sensorai.model.knowledge import blob_bytes
from sensorai.model.pipeline import Count, Pipeline

#: Files of a plain C project that have no place on the ISPU.
_PLAIN = ("main.c", "Makefile", "CMakeLists.txt", "README.md")


def emit_ispu(
    pipeline: Pipeline, device: IspuDevice, *, summary: str = "", stack: int = 1024
) -> tuple[App, dict[str, str]]:
    """Emit the ISPU project of a pipeline; pure, the same bytes every time.

    Parameters
    ----------
    pipeline : Pipeline
        Its channels and their counts must be those of ``device``.
    device : IspuDevice
    summary : str
        What the program does; by default its classes.
    stack : int
        Bytes of data RAM that the linker keeps free.

    Raises
    ------
    ConfigError
        A channel, rate or count that the device does not have.
    """
    project = emit_project(pipeline, small=True)
    files = {name: text for name, text in project.files.items() if name not in _PLAIN}
    app = App(
        name=pipeline.name,
        device=device,
        channels=tuple(one.name for one in pipeline.channels),
        classes=pipeline.classes,
        rate_hz=pipeline.rate_hz,
        acc_full_scale=full_scale(pipeline, device, "acc"),
        gyro_full_scale=full_scale(pipeline, device, "gyro"),
        sources=tuple(sorted(name for name in files if name.endswith(".c"))),
        summary=summary or in_one_line(pipeline),
        stack=stack,
        score_type="float" if pipeline.float_scores else "int32_t",
        blob=0 if pipeline.learn is None else blob_bytes(pipeline.inputs),
    )
    return app, {**files, **project_files(app), "README.md": readme(app)}


#: Thousandths of the device's unit (mg, mdps) in the units that a count can be stated in.
_UNITS: Mapping[str, float] = {"mg": 1.0, "g": 1000.0, "mdps": 1.0, "dps": 1000.0}


def full_scale(pipeline: Pipeline, device: IspuDevice, sensor: str) -> float | None:
    """Full scale (g, dps) at which the counts of ``sensor`` are those of the pipeline; None without channels.

    Raises
    ------
    ConfigError
        The device has no such full scale.
    """
    channels = [one for one in pipeline.channels if one.name.startswith(f"{sensor}_")]
    if not channels:
        return None
    known = {scale: device.lsb(sensor, scale) for scale in device.full_scales(sensor)}
    for scale, lsb in known.items():
        if all(_same(one, lsb) for one in channels):
            return scale
    one = channels[0]
    raise ConfigError(
        f"{device.name} has no {sensor} full scale with {one.lsb:g} {one.unit} per count",
        hint=f"it has {', '.join(f'{scale:g} ({lsb:g} per count)' for scale, lsb in known.items())}"
        if known
        else f"it has no {sensor} sensor",
    )


def _same(channel: Count, lsb: float) -> bool:
    return abs(channel.lsb * _UNITS.get(channel.unit, 0.0) - lsb) <= 1e-9 * lsb
