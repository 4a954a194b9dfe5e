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
    ("thumb1", "plain_single"): (2788, (2298, 117.7, 148, 13.85, 0, 156.1, 14.71, 0)),
    ("thumb1", "depth_thumb1"): (1160, (0, 813.9, 0, 0, 13.19, 0, 26.89, 0)),
    ("thumb1", "depth_thumb1_turned"): (1228, (1.217, 0.8898, 51.11, 4.106, 37.37, 0, 12.29, 0)),
    ("dsp", "plain"): (2268, (270.4, 3.322, 189.8, 1.691, 0, 79.66, 32.41, 2.813)),
    ("dsp", "dense_dsp"): (728, (0, 31.46, 0, 0, 3.386, 0, 0, 18.22)),
    ("dsp", "matrix_dsp"): (2064, (106, 7.96, 34.4, 2.067, 2.712, 15.08, 92.97, 13.03)),
    ("dsp", "plain_single"): (1836, (2163, 75.72, 84.07, 9.91, 0, 100.3, 10.93, 0)),
    ("dsp", "depth_dsp_three"): (1448, (18.01, 323, 0, 2.32, 5.157, 0.2578, 0.7733, 0)),
    ("dsp", "depth_dsp"): (1412, (0, 244.9, 0, 0.776, 5.792, 27.08, 17.71, 0)),
    ("mve", "plain"): (2264, (256.3, 4.692, 195.8, 1.31, 0, 82.94, 30.04, 2.527)),
    ("mve", "matrix_mve"): (1428, (111.6, 1.168, 17.66, 0.3079, 0, 6.901, 39.01, 6.835)),
    ("mve", "matrix_mve_alone"): (584, (0, 12.5, 0, 0, 0, 0, 0, 8.993)),
    ("mve", "plain_single"): (1856, (2269, 67.47, 80.31, 9.392, 0, 99.2, 11.73, 0)),
    ("mve", "depth_mve"): (1300, (486.4, 33.5, 3.165, 0, 1.816, 3.154, 1.615, 0)),
    ("mve", "depth_mve_any"): (1360, (1880, 1002, 0, 2.608, 0, 0, 0.4293, 0)),
}
