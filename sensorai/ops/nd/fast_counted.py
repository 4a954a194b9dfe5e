"""What kernels of int8 sums take: counted in emulators at -O2; do not edit.

``python -m tests.nd.count_kernels > sensorai/ops/nd/fast_counted.py`` counts them anew.
"""

from __future__ import annotations

from collections.abc import Mapping

#: By instruction set and kernel: bytes of code; instructions for each of ``fast_costs.sizes``.
COUNTED: Mapping[tuple[str, str], tuple[int, tuple[float, ...]]] = {
    ("thumb1", "plain"): (3340, (221.7, 11.71, 327.1, 0.2457, 0, 137.8, 32.3, 6.266)),
    ("thumb1", "dense_thumb1"): (476, (0, 66.67, 0, 0, 6.287, 0, 0, 13.54)),
    ("thumb1", "matrix_thumb1"): (1324, (102.5, 24.49, 137.8, 1.953, 5.608, 46.39, 128.4, 10.16)),
    ("thumb1", "plain_single"): (2788, (2262, 119.4, 135.5, 13.71, 0, 164.1, 17.96, 0)),
    ("thumb1", "depth_thumb1"): (1160, (0, 813.9, 0, 0, 13.19, 0, 26.89, 0)),
    ("thumb1", "depth_thumb1_turned"): (1228, (1.217, 0.8898, 51.11, 4.106, 37.37, 0, 12.29, 0)),
    ("thumb1", "plain_int4"): (2480, (0, 254.8, 0, 0, 33.67, 345.2, 55.14, 10.18)),
    ("thumb1", "open"): (-4, (6.502,)),
    ("dsp", "plain"): (2268, (270.4, 3.322, 189.8, 1.691, 0, 79.66, 32.41, 2.813)),
    ("dsp", "dense_dsp"): (728, (0, 31.46, 0, 0, 3.386, 0, 0, 18.22)),
    ("dsp", "matrix_dsp"): (2064, (106, 7.96, 34.4, 2.067, 2.712, 15.08, 92.97, 13.03)),
    ("dsp", "plain_single"): (1836, (2498, 76.53, 75.75, 10.3, 0, 99.37, 10.59, 0)),
    ("dsp", "depth_dsp_three"): (1448, (18.01, 323, 0, 2.32, 5.157, 0.2578, 0.7733, 0)),
    ("dsp", "depth_dsp"): (1412, (0, 244.9, 0, 0.776, 5.792, 27.08, 17.71, 0)),
    ("dsp", "plain_int4"): (1552, (0, 103.5, 0, 0, 18.83, 254, 16.63, 5.385)),
    ("dsp", "open"): (108, (3.001,)),
    ("mve", "plain"): (2264, (256.3, 4.692, 195.8, 1.31, 0, 82.94, 30.04, 2.527)),
    ("mve", "matrix_mve"): (1428, (111.6, 1.168, 17.66, 0.3079, 0, 6.901, 39.01, 6.835)),
    ("mve", "matrix_mve_alone"): (584, (0, 12.5, 0, 0, 0, 0, 0, 8.993)),
    ("mve", "plain_single"): (1856, (2501, 67.62, 71.91, 9.601, 0, 97.73, 11.29, 0)),
    ("mve", "depth_mve"): (1300, (489.9, 33.55, 3.153, 0, 1.814, 3.148, 1.617, 0)),
    ("mve", "depth_mve_any"): (1360, (1878, 1003, 0, 2.607, 0, 0, 0.4334, 0)),
    ("mve", "plain_int4"): (1516, (0, 97.06, 0, 0, 17.89, 246.2, 22.08, 5.021)),
    ("mve", "open"): (24, (3.501,)),
}
