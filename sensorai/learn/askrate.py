"""The question for the rate of logs that do not say it, with the answers that are likely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from sensorai.errors import ConfigError, UserError
from sensorai.mlc.artifact import open_artifact
from sensorai.mlc.simulate import core_rate
from sensorai.recording import Dataset

#: Register files beside logs that are looked at, each not larger than this many bytes.
_MOST, _LARGEST = 4, 1 << 20


def no_rate(dataset: Dataset, name: str, rates: Sequence[float]) -> ConfigError:
    """Return the one question about a data set without rate.

    Parameters
    ----------
    name, rates
        The device, and the rates in Hz at which it takes samples; empty where it has no sensor of its own.
    """
    source = dataset.recordings[0].source
    beside = list(islice(_beside(Path(source)), 1))
    if beside:
        file, rate = beside[0]
        likely = f"; {file.name} beside the logs takes samples at {rate:g} Hz: --log-rate {rate:g}"
    elif rates:
        likely = f"; {name} takes samples at {', '.join(f'{hz:g}' for hz in rates)} Hz"
    else:
        likely = ""
    return ConfigError(
        "the logs do not say their rate",
        where=source,
        hint=f"give the rate they were recorded at with --log-rate HZ{likely}",
    )


def _beside(log: Path) -> Iterator[tuple[Path, float]]:
    """Register files in the folder of a log and the one above, each with the rate of its core in Hz."""
    folder = log.absolute().parent
    files = [
        path
        for place in (folder, folder.parent)
        for pattern in ("*.json", "*.ucf")
        for path in sorted(place.glob(pattern))
    ]
    for path in files[:_MOST]:
        try:
            if path.is_file() and path.stat().st_size <= _LARGEST:
                yield path, core_rate(open_artifact(path).config)
        except (UserError, OSError):
            # only a hint: whatever else lies there is none of our business
            continue
