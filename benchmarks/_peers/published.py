"""Figures of engines that are not run here, measured once as the project's facts on peers tell.

Cortex-M4, arm-none-eabi GCC 12.2, instructions counted in QEMU 7.2 (``-icount shift=10``), flash as the
difference of the linked image to a stub (64-byte steps), RAM static and stack. Same logs, windows and
shapes, other seeds. CMSIS-NN at commit 99f736a, TFLM at 90b983c, onnx2c at ea045cc.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "facts/peers.md 3.3, 3.4 (CMSIS-NN 99f736a, TFLM 90b983c, onnx2c ea045cc)"


@dataclass(frozen=True, slots=True)
class Published:
    """One row: bytes and instructions per call at -O2; RAM without what the source gives in words."""

    model: str
    tool: str
    flash: int
    ram: int
    instructions: float


PUBLISHED = (
    Published("tree", "hand-written ifs, int16 (-Os flash 128)", 192, 0, 17.9),
    Published("forest", "hand-written table, 8-bit soft vote", 2936, 0, 728),
    Published("MLP int8", "CMSIS-NN called directly", 35_760, 256 + 460, 55_794),
    Published("MLP int8", "TFLM with CMSIS-NN", 67_588, 3188 + 430 + 772, 56_849),
    Published("MLP int8", "TFLM reference kernels", 55_108, 3092 + 430 + 340, 142_010),
    Published("MLP int8", "hand-written loops", 23_984, 256 + 100, 133_378),
    Published("MLP int8", "onnx2c QDQ int8", 26_972, 83_588, 348_150),
    Published("MLP int8", "onnx2c float", 83_996, 1028, 128_423),
    Published("CNN int8", "CMSIS-NN called directly", 41_472, 2112 + 772, 395_659),
    Published("CNN int8", "TFLM with CMSIS-NN", 93_580, 4036 + 430 + 1164, 398_086),
    Published("CNN int8", "TFLM reference kernels", 62_212, 3604 + 430 + 640, 1_524_828),
    Published("CNN int8", "hand-written loops", 21_728, 1664 + 160, 994_217),
    Published("CNN int8", "onnx2c QDQ int8", 25_724, 89_460, 2_114_605),
    Published("CNN int8", "onnx2c float", 79_580, 7284, 1_772_628),
)
