"""Make ``st-style/``: the same three made-up movements in the layout of each log format we read.

Recorded by nobody: triangle waves and a small generator of pseudo-random integers. The files exist to test
readers and to show the formats; they say nothing about how well anything is recognised.
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from sensorai.files import write_bytes

HERE = Path(__file__).resolve().parent
ROWS, STEP_MS = 208, 10
#: Folder, period in samples (0: none), amplitude in mg, in tenths of dps, MLC code.
MOVEMENTS = (("0_still", 0, 0, 0, 1), ("1_swing", 52, 300, 900, 4), ("2_shake", 13, 1400, 2500, 8))

Row = tuple[int, int, int, int, int, int]


def noise(seed: int) -> Iterator[int]:
    """Yield integers from -4 to 4, the same on every machine."""
    while True:
        seed = (seed * 1103515245 + 12345) % 2**31
        yield (seed >> 16) % 9 - 4


def triangle(k: int, period: int, amplitude: int) -> int:
    """Sample ``k`` of a triangle wave between plus and minus ``amplitude``."""
    if not period:
        return 0
    phase = 4 * (k % period)
    wave = phase if phase < period else 2 * period - phase if phase < 3 * period else phase - 4 * period
    return wave * amplitude // period


def movement(period: int, mg: int, tenths: int, seed: int) -> list[Row]:
    """Rows of acceleration in mg and angular rate in tenths of dps, lying flat and moving along x."""
    n = noise(seed)
    rows = []
    for k in range(ROWS):
        sway, turn = triangle(k, period, mg), triangle(k + period // 4, period, tenths)
        rows.append((sway + next(n), next(n), 1000 + next(n), next(n), turn + next(n), next(n)))
    return rows


def thousandths(value: int) -> str:
    """``-23`` as ``-0.023``."""
    return f"{'-' if value < 0 else ''}{abs(value) // 1000}.{abs(value) % 1000:03d}"


def tenth(value: int) -> str:
    """``-23`` as ``-2.3``."""
    return f"{'-' if value < 0 else ''}{abs(value) // 10}.{abs(value) % 10}"


def mems_studio(rows: list[Row], code: int) -> bytes:
    """CSV with a comment line."""
    lines = [
        "# synthetic, recorded by nobody",
        "",
        "acc_x[mg],acc_y[mg],acc_z[mg],gyro_x[dps],gyro_y[dps],gyro_z[dps]",
    ]
    lines += [",".join([*map(str, r[:3]), *map(tenth, r[3:])]) for r in rows]
    return ("\n".join(lines) + "\n").encode()


def unico(rows: list[Row], code: int) -> bytes:
    """Board line, padded tabs, trailing tab; angular rate in mdps."""
    names = ["A_X [mg]", "A_Y [mg]", "A_Z [mg]", "G_X [mdps]", "G_Y [mdps]", "G_Z [mdps]"]
    lines = ["STEVAL-XXXXXX (SYNTHETIC)", "", " \t ".join(names) + " \t"]
    lines += [" \t ".join([*map(str, r[:3]), *(str(100 * v) for v in r[3:])]) + " \t" for r in rows]
    return ("\n".join(lines) + "\n").encode()


def st_ble(rows: list[Row], code: int) -> bytes:
    """Header cut off after ``hum[`` with the first row glued to it, Latin-1 degree sign, event field."""
    names = (
        [f"acc{a}[mg]" for a in "XYZ"] + [f"gyro{a}[mdps]" for a in "XYZ"] + [f"magn{a}[mG]" for a in "XYZ"]
    )
    header = "time[ms]," + ",".join(names) + ",press[hPa],temp[\u00b0C],hum["
    table = []
    for k, r in enumerate(rows):
        cells = [k * STEP_MS, *r[:3], *(100 * v for v in r[3:])]
        table.append(",".join(map(str, cells)) + ",,,,,,,0x03,")
    return ("#Format version: 1.0\n" + header + "\n".join(table) + "\n").encode("latin-1")


def st_labelled(rows: list[Row], code: int) -> bytes:
    """Raw counts (0.061 mg) and mg, label column, CRLF; no gyroscope."""
    lines = ["\t".join([f"A_{a} [LSB]" for a in "XYZ"] + [f"A_{a} [mg]" for a in "XYZ"] + ["LABEL_0"])]
    for r in rows:
        counts = [(1000 * v + (30 if v >= 0 else -30)) // 61 for v in r[:3]]
        lines.append("\t".join(map(str, [*counts, *r[:3], code])))
    return ("\r\n".join(lines) + "\r\n").encode()


def algobuilder(rows: list[Row], code: int) -> bytes:
    """Gyroscope first, acceleration in g, time that does not start at 0."""
    lines = [
        "#Format version: 1.0,,,,,,",
        "time[ms],gyroX[dps],gyroY[dps],gyroZ[dps],accX[g],accY[g],accZ[g]",
    ]
    for k, r in enumerate(rows):
        lines.append(",".join([str(5000 + k * STEP_MS), *map(tenth, r[3:]), *map(thousandths, r[:3])]))
    return ("\n".join(lines) + "\n").encode()


def plain(rows: list[Row], code: int) -> bytes:
    """Compressed, semicolons, rate in a comment, units only of the acceleration."""
    lines = ["# rate_hz: 100", "ax[g];ay[g];az[g];subject"]
    lines += [";".join([*map(thousandths, r[:3]), "nobody"]) for r in rows]
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as file:
        file.write(("\n".join(lines) + "\n").encode())
    return packed.getvalue()


FILES = {
    "mems_studio.csv": mems_studio,
    "unico.txt": unico,
    "st_ble.csv": st_ble,
    "st_labelled.txt": st_labelled,
    "algobuilder.csv": algobuilder,
    "plain.csv.gz": plain,
}


def main(folder: Path) -> None:
    """Write every movement in every format below ``folder``."""
    for seed, (name, period, mg, tenths, code) in enumerate(MOVEMENTS, 1):
        rows = movement(period, mg, tenths, seed)
        for file, make in FILES.items():
            write_bytes(folder / name / file, make(rows, code))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "st-style")
