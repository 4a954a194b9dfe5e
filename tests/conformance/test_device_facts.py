"""Device facts against what ST's READMEs say of the published files."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensorai.mlc.bus import replay
from sensorai.mlc.devices import BitField, device
from sensorai.mlc.regfile import read_register_file

pytestmark = pytest.mark.conformance

#: READMEs that say 4 g of a file whose register says 2 g (ASM330LHHX, ASM330LHB).
TOW = "tow"


def compared(shared: Path) -> Iterator[tuple[str, str, float | None, float]]:
    """File, kind of fact, value by our tables, value stated; the gyroscope only where it is on."""
    folder = shared / "data" / "mlc-reference"
    with (folder / "EXAMPLES.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            part = device(row["device"])
            registers = part.registers
            bus = replay(read_register_file(folder / row["file"]).ops, registers.bank)

            def code(field: BitField | None, user: dict[int, int]) -> int | None:
                return field.get(user[field.register]) if field and field.register in user else None

            user = {register: cell.value for register, cell in bus.user.items()}
            gyro_rate = code(registers.gyro_rate, user)
            for kind, sensor, column, found in (
                ("rate", "acc", "stated_acc_rate_hz", code(registers.acc_rate, user)),
                ("scale", "acc", "stated_acc_full_scale_g", code(registers.acc_full_scale, user)),
                ("rate", "gyro", "stated_gyro_rate_hz", gyro_rate),
                ("scale", "gyro", "stated_gyro_full_scale_dps", code(registers.gyro_full_scale, user)),
            ):
                if row[column] and found is not None and (sensor == "acc" or gyro_rate):
                    ours = part.rate_hz(sensor, found) if kind == "rate" else part.full_scale(sensor, found)
                    yield row["file"], f"{sensor} {kind}", ours, float(row[column])
            rate = bus.embedded[registers.rate_register].value - registers.rate_base >> 4
            assert part.rate_hz("mlc", rate) in part.mlc_rates
            yield row["file"], "mlc rate", part.rate_hz("mlc", rate), float(row["mlc_rate"].split()[0])


def test_facts_agree_with_readmes(shared: Path) -> None:
    table = list(compared(shared))
    wrong = [entry for entry in table if entry[2] != entry[3]]
    assert len(wrong) == 2
    assert all(
        TOW in path and kind == "acc scale" and (ours, said) == (2, 4) for path, kind, ours, said in wrong
    )
    counts = Counter(kind for _, kind, _, _ in table)
    print(dict(counts))
    assert counts["mlc rate"] == 189
    assert counts["acc rate"] == 90
    assert counts["acc scale"] == 90
    assert counts["gyro rate"] == 10
    assert counts["gyro scale"] >= 5
