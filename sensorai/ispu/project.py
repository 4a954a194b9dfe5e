"""The ISPU's side of a C project: start-up, linker script, registers, run loop, settings, Makefile.

The application calls the public interface of a generated model (``NAME_init``, ``NAME_push``); what
lies around it is the same for every model. All of it was written from the facts about the core; none
of it is ST's.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorai.errors import ConfigError, DataError
from sensorai.ispu.conf import parse_conf
from sensorai.ispu.devices import IspuDevice, device
from sensorai.ispu.lines import rate_text
from sensorai.ispu.meta import Meta, meta_text, place_outputs
from sensorai.regfile import Output
from sensorai.targets import closest
from sensorai.version import __version__
from sensorai.writing import clang, templates, tomltext
from sensorai.writing.written import inert

#: File that says what a project is; ``build`` and ``virtual`` begin with it.
INDEX = "ispu.toml"

#: Code of ``NAME_NONE``: no decision yet.
NONE = 255

#: Commands of the host to a program that learns.
COMMANDS = {0: "detect", 1: "learn", 2: "freeze", 3: "save", 4: "restore", 5: "forget"}

_AGAIN = "emit the project again"

#: Largest sensible reserve for the stack, bytes.
_MOST_STACK = 1 << 15
#: Most bytes of saved knowledge: 16 inputs.
_MOST_BLOB = 952


@dataclass(frozen=True, slots=True)
class App:
    """A model as a program for the ISPU.

    Attributes
    ----------
    name : str
        Prefix of the generated C (``NAME.h``).
    device : IspuDevice
    channels : tuple of str
        Channels of a sample in the model's order: ``acc_x`` ... ``gyro_z``.
    classes : tuple of str
        Names by class number; none where the program is a net whose outputs are shown as they are.
    rate_hz : float
        Sample rate, one of the device's.
    acc_full_scale, gyro_full_scale : float or None
        In g and dps; None where no channel needs the sensor.
    sources : tuple of str
        C files of the model, as they are compiled.
    summary : str
    stack : int
        Bytes of data RAM that the linker keeps free for the stack. Only ST's compiler can tell the need.
    score_type : str
        ``int32_t``, or ``float`` for float32 nets.
    blob : int
        Bytes of saved knowledge where the model learns on the core; else 0.
    """

    name: str
    device: IspuDevice
    channels: tuple[str, ...]
    classes: tuple[str, ...]
    rate_hz: float
    acc_full_scale: float | None
    gyro_full_scale: float | None = None
    sources: tuple[str, ...] = ()
    summary: str = ""
    stack: int = 512
    score_type: str = "int32_t"
    blob: int = 0

    def __post_init__(self) -> None:
        known = self.device.channels
        for channel in self.channels:
            if channel not in known:
                raise ConfigError(
                    f"{self.device.name} has no channel {channel!r}",
                    hint=closest(channel, known),
                )
        if not self.channels or len(self.classes) >= NONE:
            raise ConfigError("a program needs channels, and from 1 to 254 classes (none: a net by itself)")
        clang.identifier(self.name)
        if self.score_type not in ("int32_t", "float"):
            raise ConfigError(f"scores of type {self.score_type!r} are neither int32_t nor float")
        if not 0 <= self.blob <= _MOST_BLOB:
            raise ConfigError(f"{self.blob} bytes of knowledge", hint=f"from 0 to {_MOST_BLOB} are possible")
        if not 0 <= self.stack <= _MOST_STACK:
            raise ConfigError(f"{self.stack} bytes of stack", hint=f"from 0 to {_MOST_STACK} make sense")
        if not self.rate_hz or self.rate_hz not in self.device.rates:
            raise ConfigError(
                f"{self.device.name} has no rate of {self.rate_hz:g} Hz",
                hint=f"it has {', '.join(rate_text(hz) for hz in self.device.rates if hz)}",
            )
        for sensor, scale in (("acc", self.acc_full_scale), ("gyro", self.gyro_full_scale)):
            used = any(channel.startswith(f"{sensor}_") for channel in self.channels)
            if used != (scale is not None):
                raise ConfigError(
                    f"{sensor} channels are {'' if used else 'not '}used, but "
                    f"{'no full scale is' if used else 'a full scale is'} given"
                )
            if scale is not None:
                self.device.lsb(sensor, scale)

    @property
    def scores(self) -> int:
        """Scores that fit the output registers beside the first word."""
        taken = 3 if self.blob else 1
        return min(len(self.classes), self.device.integer("run", "dout_bytes") // 4 - taken)

    @property
    def units(self) -> frozenset[str]:
        """C files of the whole program, but for its start-up."""
        return frozenset((*self.sources, "ispu_main.c", f"{self.name}_ispu.c"))

    def compiled(self, files: Mapping[str, str]) -> dict[str, str]:
        """Of the files of a project what is compiled, with headers."""
        return {name: text for name, text in files.items() if name in self.units or name.endswith(".h")}


def conf_text(app: App) -> str:
    """``conf.txt``: sensors and core at the model's rate, algorithm 0 called, its flag 0 on INT1."""
    rate, lines = rate_text(app.rate_hz), []
    full = app.device.family == "imu_22"
    mode = "high_performance" if full else "continuous"
    if app.acc_full_scale is not None:
        lines += [f"acc_odr {rate}", f"acc_fs {app.acc_full_scale:g}", f"acc_mode {mode}", ""]
    if app.gyro_full_scale is not None:
        lines += [f"gyr_odr {rate}", f"gyr_fs {app.gyro_full_scale:g}", f"gyr_mode {mode}", ""]
    lines += [f"{'ispu_irq_rate' if full else 'ispu_rate'} {rate}", "ispu_int1 enable", "ispu_latch disable"]
    lines += [] if full else ["ispu_bdu enable"]
    lines += ["", "algo 0 enable", f"{'algo_int1' if full else 'ispu_flag_int1'} 0 enable", ""]
    text = "\n".join(lines)
    parse_conf(text, app.device)
    return text


def meta(app: App) -> Meta:
    """What the output registers hold, as the application writes them."""
    results = (*enumerate(app.classes), (NONE, "none"))
    outputs = [
        Output("decision", "", results, "ISPU"),
        Output("answer", "", results, "ISPU"),
        Output("windows", "", (), "ISPU", None, "uint16_t"),
        Output("scores", "", (), "ISPU", None, app.score_type, app.scores),
    ]
    if app.blob:
        outputs += [
            Output("command", "", tuple(COMMANDS.items()), "ISPU"),
            Output("command result", "", (), "ISPU", None, "int8_t"),
            Output("windows that count", "", (), "ISPU", None, "uint16_t"),
            Output("knowledge address", "", (), "ISPU", None, "uint32_t"),
        ]
    return Meta(" ".join(app.summary.split()), place_outputs(tuple(outputs), app.device))


def project_files(app: App) -> dict[str, str]:
    """Files of the project that are not the model's: pure, the same every time."""
    fields = fields_of(app)
    made = {
        name: render(f"{name}.jinja", fields)
        for name in ("ispu.h", "ispu_main.c", "ispu_boot.c", "ispu_vectors.S", "ispu.ld", "Makefile")
    }
    made[f"{app.name}_ispu.c"] = render("app.c.jinja", fields)
    made["conf.txt"] = conf_text(app)
    made["meta.txt"] = meta_text(meta(app))
    made[INDEX] = _index(app)
    return made


def readme(app: App) -> str:
    """``README.md`` of the project."""
    return render("README.md.jinja", fields_of(app))


def host_file(app: App) -> str:
    """C that stands for the core on this machine."""
    return render("ispu_host.c.jinja", fields_of(app))


def _index(app: App) -> str:
    lines = [
        f"name = {tomltext.string(app.name)}",
        f"device = {tomltext.string(app.device.name)}",
        f"channels = {tomltext.strings(app.channels)}",
        f"classes = {tomltext.strings(app.classes)}",
        f"rate_hz = {float(app.rate_hz)!r}",
    ]
    for key, scale in (("acc_full_scale", app.acc_full_scale), ("gyro_full_scale", app.gyro_full_scale)):
        lines += [f"{key} = {float(scale)!r}"] if scale is not None else []
    lines += [f"sources = {tomltext.strings(app.sources)}", f"summary = {tomltext.string(app.summary)}"]
    lines.append(f"score_type = {tomltext.string(app.score_type)}")
    lines += [f"blob = {app.blob}"] if app.blob else []
    return "\n".join([*lines, f"stack = {app.stack}", ""])


def parse_index(text: str, where: str) -> App:
    """Read an ``ispu.toml``.

    Raises
    ------
    DataError
        It is damaged; ``where`` is its name.
    """
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"not valid TOML: {error}", where=where) from None
    kinds: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("name", "device", "summary", "score_type"), (str,)),
        **dict.fromkeys(("channels", "classes", "sources"), (list,)),
        **dict.fromkeys(("rate_hz", "acc_full_scale", "gyro_full_scale"), (int, float)),
        **dict.fromkeys(("stack", "blob"), (int,)),
    }
    values: dict[str, Any] = {"acc_full_scale": None, "gyro_full_scale": None, "blob": 0}
    for key, value in found.items():
        good = key in kinds and isinstance(value, kinds[key]) and not isinstance(value, bool)
        if not good or (isinstance(value, list) and not all(isinstance(one, str) for one in value)):
            raise DataError(
                f"{key!r} is unknown or of the wrong kind", where=where, hint="emit the project again"
            )
        values[key] = tuple(value) if isinstance(value, list) else value
    missing = kinds.keys() - values.keys()
    if missing:
        raise DataError(f"{min(missing)!r} is missing", where=where, hint=_AGAIN)
    try:
        return App(**{**values, "device": device(values["device"])})
    except ConfigError as error:
        raise DataError(error.message, where=where, hint=error.hint) from None


def read_index(folder: Path) -> App:
    """Read the ``ispu.toml`` of a project folder; a DataError where there is none or it is damaged."""
    path = folder / INDEX
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise DataError(
            f"the folder holds no {INDEX} that can be read, so it is no ISPU project",
            where=str(folder),
            hint="give a folder that 'sensorai train --target ispu' wrote",
        ) from None
    return parse_index(text, str(path))


def _vectors(one: IspuDevice) -> list[tuple[int, str]]:
    """Every entry of the vector table: offset and the function it jumps to, empty for a reserved one."""
    facts = one.groups["vectors"]
    boot, first, init = (facts.integer(key) for key in ("boot", "algorithm", "init"))
    used = {offset + 4 * n: "ispu_unused" for offset in (first, init) for n in range(one.algorithms)}
    used |= {first: "algo_00", init: "algo_00_init"}
    if boot:
        # trap, low priority and data valid: none of them is asked for, all of them return
        used |= dict.fromkeys((0x00, 0x04, 0x78), "ispu_unused")
    used[boot] = "ispu_reset"
    return [(offset, used.get(offset, "")) for offset in range(0, 4 * facts.integer("entries"), 4)]


def fields_of(app: App) -> Mapping[str, Any]:
    """What templates know of a program."""
    one = app.device
    called = clang.identifier(app.name)
    control, extended = one.integer("memory", "control"), one.integer("memory", "extended")
    core = one.groups["core"]
    return {
        "version": inert(__version__),
        "make": inert("make"),
        "readme": {
            "summary": app.summary,
            "rate_hz": app.rate_hz,
            "channels": app.channels,
            "classes": app.classes,
        },
        "name": called,
        "macro": clang.upper(called),
        "devices": inert(" and ".join(one.names)),
        "family": one.family,
        "run": one.groups["run"].values,
        "control": control,
        "extended": extended,
        "block": extended - control + 0x100,
        "sleep": one.integer("memory", "sleep"),
        "stack_top": one.integer("memory", "stack_top"),
        "stack": app.stack,
        "code": one.code,
        "data": one.data,
        "vectors": [
            (inert(f"{at:02X}"), inert(target.ljust(16) if target else "")) for at, target in _vectors(one)
        ],
        "channels": [inert(channel.upper()) for channel in app.channels],
        "registers": [
            (inert(channel.upper()), clang.hexadecimal(at)) for channel, at in one.channels.items()
        ],
        "offsets": [one.channels[channel] for channel in app.channels],
        "shift": one.integer("samples", "shift"),
        "classes": len(app.classes),
        "scores": app.scores,
        "blob": app.blob,
        "whole": app.score_type == "int32_t",
        "exchange": one.groups["exchange"].values,
        "commands": COMMANDS,
        "load": one.groups["load"].values,
        # jinja knows "none" as something else
        "no_class": NONE,
        "cpu": inert(core.text("cpu")),
        "cpu_older": inert(core.values.get("cpu_older", "")),
        "float_format": inert(core.text("float_format")),
        "sources": [inert(source) for source in app.sources],
        "hex": clang.hexadecimal,
    }


def render(template: str, fields: Mapping[str, Any]) -> str:
    """Fill a template of this room."""
    return templates.fill("sensorai.ispu.templates", template, fields)
