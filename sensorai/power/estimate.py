"""The current of a result: an interval from published figures, with all of them named.

A sensor with a machine learning core draws what the sensor draws and what the core adds. A microcontroller
sleeps, is woken, reads samples, computes and sleeps again, beside a sensor. Of the ISPU no current is
published: its sensor is a least, and the sum stays unknown. Where sources differ, the interval spans them;
where a figure is missing, the answer is unknown with the reason, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sensorai.mcu import devices as mcu
from sensorai.power.table import MARKS, Row, of

#: Mode that sensors are in when nothing sets another: emitted files do not.
MODE = "high-performance"
#: Modes of a sensor, the most hungry first.
MODES = ("high-performance", "normal", "low-power", "ultra-low-power")
#: Sensor beside a microcontroller where none is named.
SENSOR = "LSM6DSV16X"
#: Devices whose published examples say what a core adds.
_EXAMPLES = ("ASM330LHHX", "LSM6DSOX")
#: Said where nothing is known.
NO_FIGURE = "no figure published"
#: Clock that the families wake on, MHz: their 16 MHz oscillator.
_WAKES_ON = 16.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be estimated.

    Attributes
    ----------
    target : {"mlc", "ispu", "stm32"}
    device : str
        Full name.
    rate_hz : float
        Samples a second.
    hop_s : float
        Seconds from a window to the next.
    gyro : bool
        Whether the gyroscope runs.
    trees : int
        Trees of a machine learning core.
    cycles : tuple of float or None
        Least and most cycles of a window, its samples included; None where nothing was counted.
    sensor : str
        Sensor beside a microcontroller.
    mode : str
        Mode of the sensor, a name in ``MODES``.
    """

    target: str
    device: str
    rate_hz: float
    hop_s: float
    gyro: bool = False
    trees: int = 1
    cycles: tuple[float, float] | None = None
    sensor: str = SENSOR
    mode: str = MODE


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that draws.

    Attributes
    ----------
    name : str
    low, high : float or None
        Microamperes, on average; None where unknown.
    rows : tuple of Row
        Figures that it follows from.
    how : str
        How it follows, where that is more than reading.
    """

    name: str
    low: float | None
    high: float | None
    rows: tuple[Row, ...] = ()
    how: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Current of a result.

    Attributes
    ----------
    low, high : float or None
        Microamperes on average; None where unknown.
    at_least : float or None
        What is known of an unknown sum.
    parts : tuple of Part
    reason : str
        Why it is unknown; empty where it is not.
    """

    low: float | None
    high: float | None
    at_least: float | None = None
    parts: tuple[Part, ...] = field(default=(), repr=False)
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    @property
    def facts(self) -> tuple[Row, ...]:
        """Every row used, once."""
        return tuple(dict.fromkeys(row for part in self.parts for row in part.rows))

    @property
    def marks(self) -> tuple[str, ...]:
        """Marks of the figures used, the least sure first."""
        return tuple(mark for mark in reversed(MARKS) if any(row.mark == mark for row in self.facts))

    @property
    def words(self) -> str:
        """Interval with its least sure mark, or that and why it is unknown."""
        if self.low is None or self.high is None:
            least = "" if self.at_least is None else f", at least {_short(self.at_least)} \N{MICRO SIGN}A"
            return f"{NO_FIGURE}{least}"
        low, high = _short(self.low), _short(self.high)
        numbers = low if low == high else f"{low} to {high}"
        return f"{numbers} \N{MICRO SIGN}A ({self.marks[0] if self.marks else 'no mark'})"

    def plain(self) -> dict[str, object]:
        """The same as plain values."""
        return {
            "low_ua": self.low,
            "high_ua": self.high,
            "at_least_ua": self.at_least,
            "reason": self.reason,
            "marks": list(self.marks),
            "parts": [
                {
                    "name": part.name,
                    "low_ua": part.low,
                    "high_ua": part.high,
                    "how": part.how,
                    "facts": [
                        {
                            "what": row.words,
                            "figure": row.figure,
                            "supply_v": row.supply_v,
                            "source": row.source,
                            "mark": row.mark,
                        }
                        for row in part.rows
                    ],
                }
                for part in self.parts
            ],
        }


def estimate(asked: Asked) -> Estimate:
    """Current of what is asked: an interval with the figures used, or unknown with the reason."""
    if asked.target == "mlc":
        parts = [_sensor(asked.device, asked), _core(asked)]
    elif asked.target == "ispu":
        parts = [_sensor(asked.device, asked), _ispu(asked)]
    else:
        parts = [_sensor(asked.sensor, asked), *_microcontroller(asked)]
    return _sum(parts)


def _sum(parts: Sequence[Part]) -> Estimate:
    lows = [part.low for part in parts if part.low is not None]
    missing = [f"{part.name}: {part.how}" for part in parts if part.low is None or part.high is None]
    if missing:
        return Estimate(None, None, sum(lows) if lows else None, tuple(parts), "; ".join(missing))
    highs = [part.high for part in parts if part.high is not None]
    return Estimate(sum(lows), sum(highs), None, tuple(parts))


# ---------------------------------------------------------------- sensors


def _sensor(device: str, asked: Asked) -> Part:
    """What the sensor itself draws in its mode at this rate: what is published nearest below and above."""
    block = "acc+gyro" if asked.gyro else "acc"
    name = f"{device}, {'accelerometer and gyroscope' if asked.gyro else 'accelerometer'}"
    published = of(device, block)
    same = [row for row in published if row.mode == asked.mode]
    anywhere = [row for row in same if row.rate_hz is None]
    if anywhere:
        return Part(name, *_span(anywhere), tuple(anywhere), f"{asked.mode} mode")
    below = [row for row in same if row.rate_hz is not None and row.rate_hz <= asked.rate_hz * 1.03]
    above = [row for row in same if row.rate_hz is not None and row.rate_hz >= asked.rate_hz * 0.97]
    # a mode at a higher rate than any published still draws no more than the next mode
    hungrier = MODES[: MODES.index(asked.mode)]
    most = [row for mode in hungrier for row in published if row.mode == mode and row.rate_hz is None]
    lower = max(below, key=lambda row: row.rate_hz or 0.0, default=None)
    upper = min(above, key=lambda row: row.rate_hz or 0.0, default=most[-1] if most else None)
    if not same or upper is None:
        return Part(name, None if lower is None else lower.low, None, (), _none(published, asked.mode))
    # slower than any that is published: more than nothing
    least = 0.0 if lower is None else lower.low
    used = tuple(dict.fromkeys(row for row in (lower, upper) if row is not None))
    between = "" if lower is upper else f", between what is published around {asked.rate_hz:g} Hz"
    return Part(name, least, upper.high, used, f"{asked.mode} mode{between}")


def _none(published: Sequence[Row], mode: str) -> str:
    if not published:
        return NO_FIGURE
    known = ", ".join(dict.fromkeys(row.mode for row in published))
    return f"{NO_FIGURE} for its {mode} mode at this rate (there is one for: {known})"


def _span(rows: Sequence[Row]) -> tuple[float, float]:
    """Least and most of figures that differ."""
    known = [(row.low, row.high) for row in rows if row.low is not None and row.high is not None]
    return min(low for low, _ in known), max(high for _, high in known)


# ---------------------------------------------------------------- cores in sensors


def _core(asked: Asked) -> Part:
    """What a machine learning core adds: the least that was published, to the most of what sources say.

    A forum's upper limit names no rate. One example draws more than that at 104 Hz, so its figure counts in
    proportion to the rate where that is more.
    """
    known = {row.words: row for name in (asked.device, *_EXAMPLES) for row in of(name, "mlc")}
    stated = [row for row in known.values() if row.rate_hz is not None and row.low and row.high]
    limit = [row for row in known.values() if row.rate_hz is None]
    low = min(row.low or 0.0 for row in stated if row.low)
    slowest = min(row.rate_hz or 0.0 for row in stated)
    each = max(
        *(row.high or 0.0 for row in limit),
        *((row.high or 0.0) * asked.rate_hz / (row.rate_hz or 1.0) for row in stated),
    )
    used = tuple(replace(row, mark=_less(row, asked.device)) for row in known.values())
    how = "examples of ST, in proportion to the rate, and the limit for a tree"
    return Part(
        f"machine learning core, {asked.trees} tree{'s' if asked.trees > 1 else ''}",
        low if asked.rate_hz >= slowest * 0.97 else 0.0,
        each * asked.trees,
        used,
        how,
    )


def _less(row: Row, device: str) -> str:
    """A figure of another device is inferred for this one."""
    return row.mark if row.of(device) or MARKS.index(row.mark) >= MARKS.index("inferred") else "inferred"


def _ispu(asked: Asked) -> Part:
    rows = of(asked.device, "ispu")
    return Part(
        "ISPU", None, None, rows,
        f"{NO_FIGURE}: one paper gives the energy of its own net alone, and no current by clock",
    )  # fmt: skip


# ---------------------------------------------------------------- microcontrollers


def _microcontroller(asked: Asked) -> list[Part]:
    """Sleep, waking, reading samples and computing, on average over a hop.

    Least: woken once a window, SPI with samples from the FIFO. Most: woken for every sample, I2C with the
    core waiting at its highest clock.
    """
    part = mcu.device(asked.device)
    rows = {block: of(part.name, block) for block in ("run", "sleep", "wake", "clock", "bus")}
    lacks = [block for block in ("run", "sleep", "wake") if not rows[block]]
    if asked.cycles is None or part.clock_hz is None or lacks:
        what = {"run": "run current", "sleep": "current of sleep", "wake": "time to wake"}
        gone = [what[block] for block in lacks]
        why = f"{NO_FIGURE} for its {' and '.join(gone)}" if gone else "no instructions were counted"
        known = tuple(row for found in rows.values() for row in found)
        return [Part(part.name, None, None, known, why)]
    mhz = part.clock_hz / 1e6
    run = _span(rows["run"])
    samples = asked.rate_hz * asked.hop_s
    woken = 1.0, max(samples, 1.0)
    wake = _span(rows["wake"])
    again = _span(rows["clock"]) if rows["clock"] else (0.0, 0.0)
    bus = _span(rows["bus"])
    # six bytes of an accelerometer, as many of a gyroscope; the FIFO puts a tag before each
    size = (6.0, 7.0) if not asked.gyro else (12.0, 14.0)
    # microseconds times microamperes are millionths of what flows in a second at one microampere
    each = 1e-6 / asked.hop_s
    return [
        Part(f"{part.name} asleep", *_span(rows["sleep"]), rows["sleep"]),
        Part(
            f"{part.name} waking",
            woken[0] * wake[0] * run[0] * _WAKES_ON * each,
            woken[1] * (wake[1] + again[1]) * run[1] * mhz * each,
            (*rows["wake"], *rows["clock"], *rows["run"]),
            "once a window at 16 MHz, to once a sample at the highest clock",
        ),
        Part(
            f"{part.name} reading samples",
            samples * size[0] * bus[0] * run[0] * _WAKES_ON * each,
            samples * size[1] * bus[1] * run[1] * mhz * each,
            (*rows["bus"], *rows["run"]),
            "SPI at a clock of 16 MHz, to I2C with the core waiting at its highest clock",
        ),
        Part(
            f"{part.name} computing",
            asked.cycles[0] * run[0] * each,
            asked.cycles[1] * run[1] * each,
            rows["run"],
            f"{asked.cycles[0]:,.0f} to {asked.cycles[1]:,.0f} cycles a window",
        ),
    ]


def _short(value: float) -> str:
    """Microamperes with three digits at most."""
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
