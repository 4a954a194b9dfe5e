"""Microcontrollers: a library of portable C, built and run for the core of the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sensorai.codegen.project import Project, emit_project
from sensorai.cproject import backend as shared
from sensorai.cproject import runs
from sensorai.cproject.need import COMPILED, COUNTED, counted, largest
from sensorai.cproject.scales import TYPICAL, check_scales, check_sensors, sensor_rate
from sensorai.errors import Problem, UserError
from sensorai.experiment import Experiment
from sensorai.formats.asked import units_asked
from sensorai.mcu import devices
from sensorai.model.pipeline import Pipeline
from sensorai.recording import Dataset
from sensorai.road import Need, Prepared
from sensorai.targets import Devices
from sensorai.toolchain.compilers import available
from sensorai.toolchain.cpu import Cpu


class McuBackend(shared.CBackend):
    """STM32 and every other Cortex-M."""

    name = "stm32"

    def cpu(self, device: str) -> Cpu:
        """Core of the device."""
        return devices.device(device).cpu

    def check(self, experiment: Experiment) -> list[Problem]:
        """The device must be known; it takes samples at any rate."""
        # the sensor is not the device's: it can be told whatever that is
        problems = [
            *check_scales(experiment, TYPICAL, "a typical sensor"),
            *check_sensors(experiment, TYPICAL, "a typical sensor"),
            *units_asked(experiment),
        ]
        try:
            devices.device(experiment.device_name)
        except UserError as error:
            problems.insert(0, Problem(error.message, hint=error.hint))
        return problems

    def rates(self, device: str) -> tuple[str, Sequence[float]]:
        """Rates of the device's sensor."""
        return devices.device(device).name, ()

    def devices(self) -> Devices:
        """Microcontrollers, and cores by themselves."""
        return devices.listed()

    def prepare(self, dataset: Dataset, experiment: Experiment) -> Prepared:
        """One rate for all logs: the wanted one, or what a sensor has that is nearest to the usual one."""
        if experiment.rate is not None:
            return shared.prepared(self, dataset, experiment, experiment.rate, TYPICAL)
        rate, note = sensor_rate(round(shared.rate_of_logs(dataset), 3))
        made = shared.prepared(self, dataset, experiment, rate, TYPICAL)
        return replace(made, notes=(*made.notes, note)) if note else made

    def need(self, pipeline: Pipeline, device: str) -> Need:
        """Build the library and hold it against the memories of the device.

        Without a compiler only constants and buffers are counted: what does not fit then, never does.
        """
        project, part = emit_project(pipeline), devices.device(device)
        if available("arm-none-eabi-gcc"):
            sizes = runs.sizes(pipeline, project.sources(), part.cpu)
            return mcu_need(part, sizes.flash, sizes.ram + sizes.stack, project, COMPILED)
        return mcu_need(part, *counted(pipeline, project), project, COUNTED)

    def _files(self, pipeline: Pipeline, device: str) -> Mapping[str, str]:
        return emit_project(pipeline, devices.device(device).chip()).files

    def _seconds(self, device: str, cycles: float | None) -> tuple[float | None, float | None]:
        part = devices.device(device)
        return (None, None) if cycles is None else (part.seconds(cycles), part.joules(cycles))


def mcu_need(part: devices.McuDevice, flash: int, ram: int, project: Project, source: str) -> Need:
    """Hold bytes against the memories that a program is linked into; ``ram`` with the stack.

    A problem says by how much, and names the largest layer and devices with room.
    """
    roomy = [one.name for one in devices.with_room(flash, ram)]
    problems = [
        Problem(
            f"{used} bytes of {what} are {used - size} more than {part.name} has"
            + (" in one piece" if what == "RAM" and part.linked_ram != part.ram else "")
            + largest(project.layers, what),
            hint="devices with room: " + ", ".join(roomy[:3]) if roomy else "no known device has room",
        )
        for what, used, size in (("flash", flash, part.flash), ("RAM", ram, part.linked_ram))
        if size is not None and used > size
    ]
    return Need(flash, ram, source, tuple(problems))


BACKEND = McuBackend()
