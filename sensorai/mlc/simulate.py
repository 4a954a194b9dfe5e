"""The register file at work: samples in, tree results, decided results, register and interrupts out.

The simulator starts from a decoded register file (``sensorai.mlc.decode``), never from a model. The
arithmetic is ``sensorai.mlc.features``; what is added here:

* **Meta-classifier** (facts, mlc-simulation section 6): a counter per result group goes up by one when
  the tree's result is in the group, else down by one, and stays within 0 and 15. When the counter of
  the result's own group has reached the group's end counter, the output becomes the result. End
  counter 0 passes results at once; the output starts at 0. (N wins, not N + 1: inferred; clamp at 15:
  the width of the counter, otherwise unknown.)
* **Groups** are of four codes, also on the parts with 256 results (inferred); codes beyond the last
  group are not filtered.
* **Interrupt**: when the result register takes a new value (documented).
* **Rate**: the core takes samples at the lower of its own rate and the sensors' rate (confirmed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensorai.errors import ConfigError, DataError
from sensorai.files import write_table
from sensorai.mlc.config import MlcConfig
from sensorai.mlc.devices import device
from sensorai.mlc.features import SENSOR_WORDS, FeatureStream, inputs, numeric_style
from sensorai.mlc.labels import feature_names
from sensorai.recording import NO_RESULT, Recording

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.float64]
ByteArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Trace:
    """What the core does on one recording, a row per window.

    Attributes
    ----------
    config : MlcConfig
    rate_hz : float
        Samples per second of the core.
    features : ndarray, shape (rows, features), float64
    tree : ndarray, shape (rows, trees), uint8
        Result of each tree.
    decided : ndarray, shape (rows, trees), uint8
        After the meta-classifier: the value of the result register.
    first_row : int
        Number of the first row, for traces that come in pieces.
    before : ndarray, shape (trees,), uint8
        Register values before the first row.
    notes : tuple of str
        What was done to the recording first.
    """

    config: MlcConfig
    rate_hz: float
    features: FloatArray
    tree: ByteArray
    decided: ByteArray
    first_row: int
    before: ByteArray
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.features)

    @property
    def samples(self) -> npt.NDArray[np.int64]:
        """Samples seen at the end of each window, shape (rows,)."""
        return (np.arange(self.first_row, self.first_row + len(self)) + 1) * self.config.window

    @property
    def time_s(self) -> FloatArray:
        """End of each window in seconds from the start of the recording, shape (rows,)."""
        return self.samples / self.rate_hz

    @property
    def interrupts(self) -> npt.NDArray[np.bool_]:
        """Whether each result register took a new value, shape (rows, trees)."""
        changed: npt.NDArray[np.bool_] = np.diff(self.decided, axis=0, prepend=self.before[None]) != 0
        return changed

    def names(self, tree: int, codes: Sequence[int] | ByteArray) -> list[str]:
        """Class names of result codes of one tree.

        A code that the file does not name is its number as text; 0 is ``NO_RESULT`` where other codes
        are named.
        """
        labels = self.config.trees[tree].labels
        zero = {0: NO_RESULT} if labels else {}
        named = {**zero, **labels}
        return [named.get(int(c), str(int(c))) for c in codes]

    def frame(self) -> pd.DataFrame:
        """Time, features, tree results, decided results, registers and interrupts as columns."""
        import pandas as pd

        columns: dict[str, object] = {"time_s": self.time_s, "sample": self.samples}
        for i, name in enumerate(feature_names(self.config)):
            columns[name] = self.features[:, i]
        registers = device(self.config.device).registers
        for t in range(len(self.config.trees)):
            columns[f"tree{t + 1}"] = pd.Series(self.names(t, self.tree[:, t]), dtype="str")
            columns[f"decided{t + 1}"] = pd.Series(self.names(t, self.decided[:, t]), dtype="str")
            columns[f"MLC{registers.result_name_from + t}_SRC"] = self.decided[:, t]
            columns[f"interrupt{t + 1}"] = self.interrupts[:, t].astype(np.uint8)
        return pd.DataFrame(columns)


def write_trace(traces: Mapping[str, Trace], path: Path) -> None:
    """Write traces by recording name as CSV or Parquet, by the suffix of ``path``."""
    import pandas as pd

    frames = [trace.frame().assign(recording=name) for name, trace in traces.items()]
    whole = pd.concat(frames, ignore_index=True)
    whole = whole[["recording", *(c for c in whole.columns if c != "recording")]]
    if path.suffix in (".csv", ".parquet"):
        write_table(whole, path)
    else:
        raise ConfigError(f"cannot tell the format of {path.name}", hint="end the name in .csv or .parquet")


def core_rate(config: MlcConfig) -> float:
    """Samples per second that the core takes: its own rate or the sensors', whichever is lower.

    Raises
    ------
    DataError
        A sensor that features use is switched off.
    """
    used = {f.source.sensor for f in config.features}
    rates = {slot: s.rate_hz for slot, s in config.settings.items() if slot in used}
    off = [SENSOR_WORDS.get(slot, slot) for slot, hz in rates.items() if hz == 0.0]
    if off:
        raise DataError(
            f"the configuration leaves the {off[0]}, which its features use, switched off: no sample comes",
            hint="a register file that is cut off at its end looks like this",
        )
    return min([config.mlc_rate_hz, *(hz for hz in rates.values() if hz is not None)])


def at_core_rate(recording: Recording, config: MlcConfig, how: str = "resample") -> Recording:
    """Bring a recording to the rate at which the core takes samples.

    ``how`` is ``resample``, ``refuse`` or ``as-is``: see ``sensorai.formats.resample.to_rate``.
    """
    from sensorai.formats.resample import to_rate

    return to_rate(recording, core_rate(config), how=how)


class Simulator:
    """The core as a stream; recordings pushed in pieces give the same trace as pushed whole."""

    def __init__(self, config: MlcConfig, style: str = "current") -> None:
        self._config = config
        self._style = numeric_style(style)
        self._stream = FeatureStream(config)
        self._limits = device(config.device).limits
        self._counters = [np.zeros(len(t.end_counters), np.int64) for t in config.trees]
        self._output = np.zeros(len(config.trees), np.uint8)
        self._row = 0

    def push(self, recording: Recording) -> Trace:
        """Take the samples of ``recording`` as the next ones and return the windows they complete."""
        from sensorai.mlc import kernel

        config = self._config
        features = self._stream.push(inputs(config, recording, self._style))
        trees = config.trees
        tree = np.empty((len(features), len(trees)), np.uint8)
        decided = np.empty_like(tree)
        before = self._output.copy()
        for t, dt in enumerate(trees):
            tree[:, t] = dt.tree.predict(features)
            column = np.empty(len(features), np.uint8)
            self._output[t] = kernel.run_meta_classifier(
                np.ascontiguousarray(tree[:, t]),
                np.array(dt.end_counters, np.int64),
                self._limits.group_width,
                self._counters[t],
                int(self._output[t]),
                column,
            )
            decided[:, t] = column
        first, self._row = self._row, self._row + len(features)
        rate = recording.rate_hz or core_rate(config)
        return Trace(config, rate, features, tree, decided, first, before, recording.notes)


def simulate(
    config: MlcConfig, recording: Recording, *, style: str = "current", rate: str = "resample"
) -> Trace:
    """Run a whole recording from the reset state.

    Parameters
    ----------
    config : MlcConfig
        As decoded from a register file.
    recording : Recording
    style : str
        Numeric style (``sensorai.mlc.features.STYLES``).
    rate : str
        ``resample``, ``refuse`` or ``as-is``: see ``at_core_rate``.
    """
    return Simulator(config, style).push(at_core_rate(recording, config, rate))


def stream(config: MlcConfig, recording: Recording, chunk: int, *, style: str = "current") -> Iterator[Trace]:
    """Run a recording ``chunk`` samples at a time; the pieces put together equal ``simulate``."""
    simulator = Simulator(config, style)
    for start in range(0, len(recording), chunk):
        yield simulator.push(recording.slice(start, start + chunk))
