"""``conf.txt``: sensor and core settings in words, into registers and back.

A line is a key and its value; ``#`` begins a comment. A key that is absent writes nothing. ``disable``
writes the bit as 0 (source: facts, ispu 2.3, and ST's published files with what became of them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sensorai.errors import ConfigError
from sensorai.ispu.devices import CONF_KEYS, Field, IspuDevice
from sensorai.ispu.lines import number, numbered_words, rate_of, rate_text
from sensorai.regfile import Op, Write
from sensorai.targets import closest

#: Pages of registers: what the host sees at first, and the ISPU's own.
USER, PAGE = 0, 1

_SWITCHES = ("ispu_int1", "ispu_int2", "ispu_sleep_int2", "ispu_latch", "ispu_bdu")
_MASKS = ("algo", "algo_int1", "algo_int2", "ispu_flag_int1", "ispu_flag_int2")
_RATES = ("acc_odr", "gyr_odr", "ispu_irq_rate", "ispu_rate")
_MODES = {"acc_mode": "acc_low_power", "gyr_mode": "gyr_low_power"}
_ON = {"enable": 1, "disable": 0}

#: Keys of ST's files whose registers the facts do not say.
_NOT_KNOWN = ("ispu_loprio", "fifo_read")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Registers that a ``conf.txt`` sets: register to value, user page and ISPU page.

    ``names`` are the words of every line, for messages and reports.
    """

    user: Mapping[int, int] = field(default_factory=dict)
    page: Mapping[int, int] = field(default_factory=dict)
    names: tuple[tuple[str, ...], ...] = ()

    def algorithms(self, device: IspuDevice) -> tuple[int, ...]:
        """Numbers of the algorithms that are called."""
        return tuple(bits(self.page, device.integer("run", "algorithm"), device.algorithms))


def bits(registers: Mapping[int, int], first: int, count: int) -> list[int]:
    """Numbers of the bits that are set in the registers from ``first`` on."""
    return [bit for bit in range(count) if registers.get(first + bit // 8, 0) >> bit % 8 & 1]


def parse_conf(text: str, device: IspuDevice, source: str = "conf.txt") -> Configuration:
    """Read a ``conf.txt`` for ``device``.

    Raises
    ------
    ConfigError
        An unknown or repeated key, or a value that the device does not have; ``where`` names the line.
    """
    maker = _Maker(device)
    seen: dict[tuple[str, ...], int] = {}
    for line, words in numbered_words(text):
        where = f"{source}:{line}"
        key = tuple(words[:2]) if words[0] in _MASKS else (words[0],)
        if key in seen:
            raise ConfigError(f"{' '.join(key)} stands here for the second time", where=where)
        seen[key] = line
        maker.take(words, where)
    return Configuration(
        dict(sorted(maker.registers[USER].items())),
        dict(sorted(maker.registers[PAGE].items())),
        tuple(maker.names),
    )


class _Maker:
    """Sets the fields of registers; a register that is touched begins with the bits that are always 1."""

    def __init__(self, device: IspuDevice) -> None:
        self.device = device
        self.registers: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.names: list[tuple[str, ...]] = []
        self.fixed = {
            (page, register): value for page, register, value in device.groups["keys"].rows("fixed")
        }

    def take(self, words: list[str], where: str) -> None:
        key = words[0]
        if key in _NOT_KNOWN:
            raise ConfigError(
                f"{key} is known from ST's files, but not which registers it sets",
                where=where,
                hint="write those registers from the host after loading",
            )
        fields = self.device.fields(_MODES.get(key, key)) if key in (*CONF_KEYS, *_MODES) else ()
        if key == "acc_mode" and not fields:
            self.choice(words, {"continuous": 0}, where)
        elif not fields or key in _MODES.values():
            raise ConfigError(
                f"{self.device.name} has no setting {key!r}", where=where, hint=closest(key, self.keys())
            )
        else:
            self.put(key, fields, words, where)
        self.names.append(tuple(words))

    def keys(self) -> list[str]:
        """Keys that the device has."""
        plain = [key for key in CONF_KEYS if self.device.fields(key)]
        back = {field: key for key, field in _MODES.items()}
        return ["acc_mode", *(back.get(key, key) for key in plain if key != "acc_low_power")]

    def put(self, key: str, fields: tuple[Field, ...], words: list[str], where: str) -> None:
        if key in _MASKS:
            if len(words) != 3:
                raise ConfigError(
                    f"{key} needs a number and enable or disable", where=where, hint=f"as in '{key} 0 enable'"
                )
            bit = number(words[1], 0, fields[0].width - 1, f"number of {key}", where)
            at = Field(fields[0].page, fields[0].register + bit // 8, bit % 8, 1)
            self.field(at, self.choice([key, *words[2:]], _ON, where))
        elif key == "fifo_wtm":
            most = (1 << sum(one.width for one in fields)) - 1
            value = number(self.only(words, where), 0, most, key, where)
            for one in fields:
                self.field(one, value & (1 << one.width) - 1)
                value >>= one.width
        else:
            value = self.value(key, words, where)
            for one in fields:
                self.field(one, value)

    def value(self, key: str, words: list[str], where: str) -> int:
        if key in _RATES or key.endswith("_fs") or key == "ispu_clock":
            return rate_of(self.only(words, where), tables(self.device)[key], key, where)
        if key in _MODES:
            return self.choice(words, {"high_performance": 0, "low_power": 1}, where)
        if key == "fifo_mode":
            return self.choice(words, {"continuous": 2}, where)
        before = {"fifo_batch": "ispu", "fifo_int1": "ths"}.get(key)
        if before:
            if words[1:2] != [before]:
                raise ConfigError(f"{key} is only known as '{key} {before} enable'", where=where)
            words = [key, *words[2:]]
        return self.choice(words, _ON, where)

    @staticmethod
    def only(words: list[str], where: str) -> str:
        """Take the one value of a line."""
        if len(words) != 2:
            raise ConfigError(f"{words[0]} needs one value, {len(words) - 1} are given", where=where)
        return words[1]

    def choice(self, words: list[str], known: Mapping[str, int], where: str) -> int:
        value = self.only(words, where)
        if value not in known:
            raise ConfigError(
                f"{words[0]} cannot be {value[:40]!r}", where=where, hint=f"known: {', '.join(known)}"
            )
        return known[value]

    def field(self, at: Field, value: int) -> None:
        page = self.registers[at.page]
        old = page.get(at.register, self.fixed.get((at.page, at.register), 0))
        mask = (1 << at.width) - 1 << at.shift
        page[at.register] = old & ~mask | value << at.shift


def tables(device: IspuDevice) -> Mapping[str, Mapping[float, int]]:
    """Values that keys can have, with their codes."""
    return {
        **dict.fromkeys(_RATES, device.rates),
        "acc_fs": device.full_scales("acc"),
        "gyr_fs": device.full_scales("gyro"),
        "ispu_clock": device.groups["core"].table("clocks"),
    }


def configuration_ops(conf: Configuration, device: IspuDevice) -> list[Op]:
    """Register writes of a configuration: ascending, the ISPU's page after the user page, rates last."""
    load = device.groups["load"]
    last = load.rows("last")[0]
    ops: list[Op] = [Write(one, conf.user[one]) for one in sorted(conf.user) if one not in last]
    if conf.page:
        access = load.integer("access")
        ops.append(Write(access, load.integer("page")))
        ops += [Write(one, conf.page[one]) for one in sorted(conf.page)]
        ops.append(Write(access, 0))
    return ops + [Write(one, conf.user[one]) for one in last if one in conf.user]


def conf_lines(conf: Configuration, device: IspuDevice) -> tuple[list[str], list[str]]:
    """Lines of a ``conf.txt`` that sets these registers, and what they cannot say.

    Returns
    -------
    lines, unknown : list of str
        ``unknown`` names registers with bits that no key sets, and codes without a meaning.
    """
    pages = (conf.user, conf.page)
    lines: list[str] = []
    unknown: list[str] = []
    explained: dict[tuple[int, int], int] = {
        (page, register): value for page, register, value in device.groups["keys"].rows("fixed")
    }

    def mark(at: Field) -> None:
        place = (at.page, at.register)
        explained[place] = explained.get(place, 0) | (1 << at.width) - 1 << at.shift

    for key in CONF_KEYS:
        fields = device.fields(key)
        if key in _MASKS and fields:
            lines += _mask_lines(key, fields[0], pages[fields[0].page], mark)
        elif fields and all(one.register in pages[one.page] for one in fields):
            value = width = 0
            for one in fields:
                mark(one)
                part = pages[one.page][one.register] >> one.shift & (1 << one.width) - 1
                value |= part << width
                width += one.width if key == "fifo_wtm" else 0
            words = _words(key, value, device)
            if words:
                lines.append(words)
            elif key != "fifo_mode" or value:
                unknown.append(f"{key}: code {value:X}h has no meaning that is known")
    for page, registers in enumerate(pages):
        for register, value in registers.items():
            rest = value & ~explained.get((page, register), 0)
            if rest:
                where = "ISPU page" if page else "user page"
                unknown.append(f"register {register:02X}h of the {where}: bits {rest:02X}h set no known key")
    return lines, unknown


def _mask_lines(
    key: str, at: Field, registers: Mapping[int, int], mark: Callable[[Field], None]
) -> list[str]:
    lines = []
    for place in range((at.width + 7) // 8):
        if at.register + place in registers:
            there = min(8, at.width - 8 * place)
            mark(Field(at.page, at.register + place, 0, there))
            on = [bit for bit in bits(registers, at.register, at.width) if bit // 8 == place]
            lines += [f"{key} {bit} enable" for bit in on] or [f"{key} {8 * place} disable"]
    return lines


def _words(key: str, value: int, device: IspuDevice) -> str:
    """Line that gives ``key`` this code; empty where none does."""
    known = tables(device).get(key)
    if known is not None:
        names = [rate_text(one) for one, code in known.items() if code == value]
        return f"{key} {names[0]}" if names else ""
    switch = "enable" if value else "disable"
    match key:
        case "acc_low_power" | "gyr_low_power":
            return f"{key[:3]}_mode {'low_power' if value else 'high_performance'}"
        case "fifo_wtm":
            return f"{key} {value}"
        case "fifo_mode":
            return f"{key} continuous" if value == 2 else ""
        case "fifo_batch":
            return f"{key} ispu {switch}"
        case "fifo_int1":
            return f"{key} ths {switch}"
    return f"{key} {switch}"
