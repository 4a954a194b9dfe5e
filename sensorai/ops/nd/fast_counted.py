"""What kernels of int8 sums take: counted in emulators at -O2; do not edit.

``python -m tests.nd.count_kernels > sensorai/ops/nd/fast_counted.py`` counts them anew.
"""

from __future__ import annotations

from collections.abc import Mapping

#: By instruction set and kernel: bytes of code; instructions for each of ``fast_costs.sizes``.
COUNTED: Mapping[tuple[str, str], tuple[int, tuple[float, ...]]] = {
    ("thumb1", "plain"): (3208, (191, 11.46, 333.3, 0.2099, 0, 135.4, 32.89, 6.269)),
    ("thumb1", "dense_thumb1"): (464, (0, 66.67, 0, 0, 6.287, 0, 0, 13.54)),
    ("thumb1", "matrix_thumb1"): (1276, (82.92, 26.18, 134.2, 2.127, 5.489, 46.16, 128.4, 10.18)),
    ("thumb1", "plain_single"): (2672, (2243, 118.4, 140.4, 13.75, 0, 164.3, 17.79, 0)),
    ("thumb1", "depth_thumb1"): (1144, (0, 809.6, 0, 0, 13.16, 0, 26.83, 0)),
    ("thumb1", "depth_thumb1_turned"): (1212, (1.213, 0.8811, 50.95, 4.107, 37, 0, 12.3, 0)),
    ("thumb1", "plain_int4"): (2312, (0, 253.8, 0, 0, 33.63, 346.4, 54.82, 10.18)),
    ("thumb1", "open"): (-4, (6.502,)),
    ("dsp", "plain"): (2268, (270.4, 3.322, 189.8, 1.691, 0, 79.66, 32.41, 2.813)),
    ("dsp", "dense_dsp"): (716, (0, 31.06, 0, 0, 3.33, 0, 0, 18.3)),
    ("dsp", "matrix_dsp"): (1784, (87.21, 38.07, 85.55, 0, 0, 4.443, 81.42, 15.45)),
    ("dsp", "matrix_dsp_odd"): (2148, (0.389, 3.116, 1.355, 11.55, 14.57, 9.119, 0.7699, 19.26)),
    ("dsp", "plain_single"): (1836, (2498, 76.53, 75.75, 10.3, 0, 99.37, 10.59, 0)),
    ("dsp", "depth_three_dsp"): (1348, (0, 259.2, 0, 1.928, 3.594, 0.2143, 0.6428, 0)),
    ("dsp", "depth_dsp"): (1304, (0, 0, 0, 3.683, 10.65, 31.98, 0, 0)),
    ("dsp", "plain_int4"): (1552, (0, 103.9, 0, 0, 19.08, 254.4, 17.17, 5.379)),
    ("dsp", "open"): (108, (3.001,)),
    ("mve", "plain"): (2264, (256.3, 4.692, 195.8, 1.31, 0, 82.94, 30.04, 2.527)),
    ("mve", "matrix_mve"): (1424, (107, 1.201, 17.8, 0.3148, 0, 6.896, 38.68, 6.833)),
    ("mve", "matrix_mve_alone"): (600, (0, 12.5, 0, 0, 0, 0, 0, 8.993)),
    ("mve", "plain_single"): (1856, (2501, 67.62, 71.91, 9.601, 0, 97.73, 11.29, 0)),
    ("mve", "depth_mve"): (1316, (494.9, 34, 3.201, 0, 1.822, 3.092, 1.649, 0)),
    ("mve", "depth_mve_any"): (1368, (1881, 1003, 0, 2.607, 0, 0, 0.4334, 0)),
    ("mve", "plain_int4"): (1516, (0, 97.06, 0, 0, 17.89, 246.2, 22.08, 5.021)),
    ("mve", "open"): (24, (3.501,)),
}
