"""Public nets: what is read and computed is what their frameworks compute; after the passes too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import shared_dir
from tests.nd.models import QUICK, as_c, judge, listed
from tests.need import need

FOLDER = shared_dir() / "data" / "models"
PATHS = listed(FOLDER) if (FOLDER / "MANIFEST.csv").is_file() else []


@pytest.mark.conformance
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_net(shared: Path, path: Path) -> None:
    found = judge(path, FOLDER)
    assert found.problem == ""


#: Nets that run whole as C: those of MLPerf Tiny, of ST's tutorials for the ISPU, and of QONNX.
WHOLE = (
    *("ad01_int8.tflite", "kws_ref_model.tflite", "pretrainedResnet_quant.tflite", "vww_96_int8.tflite"),
    *("cnn_8x8x8.keras", "qcnn_8x8x8.tflite", "dense_64x32.onnx", "qdense_64x32.onnx", "model.onnx"),
)


@pytest.mark.conformance
@pytest.mark.parametrize("name", WHOLE)
def test_whole_net_as_c(shared: Path, name: str) -> None:
    """The bits of the reference on this machine and on emulated cores, in one call."""
    need("gcc", "arm-none-eabi-gcc", "qemu-system-arm")
    (path,) = [path for path in PATHS if path.name == name]
    assert as_c(path, QUICK) == ""
