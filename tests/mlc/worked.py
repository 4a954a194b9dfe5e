"""The worked example of the reference (mlc-format section 16), typed from its tables."""

from __future__ import annotations

from sensorai.mlc import half
from sensorai.mlc.config import DecisionTree, Feature, Filter, MlcConfig, SensorSetting, Source
from sensorai.model.forest import Tree

#: Header, lists and meta-classifier block, tree: address and bytes of each run.
PAGES = {
    0x1EA: "52 03 5E 03 00 00 0A",
    0x1F2: "1A",
    0x1FA: "3C 03 64 03 70 03",
    0x33C: "01 00 00 00 3F 00 00 0C 00 00 00 18 00 00 01 10 00 00 00 00 1F 00",
    0x364: "00 00 00 00 00 00 00 00 00 00 00",
}
TREE = {0x370: "00 1A 80 A2 C1 BA 04 E0"}


def config() -> MlcConfig:
    tree = Tree.from_nodes([(2, half.to_float(0x1A00), 1, ~8), (0, half.to_float(0xBAC1), ~4, ~0)])
    return MlcConfig(
        device="LSM6DSOX",
        window=26,
        mlc_rate_hz=26.0,
        inputs=("acc",),
        filters=(Filter("HP", "acc", "V"),),
        features=(
            Feature("MEAN", Source("acc", "Z")),
            Feature("MEAN", Source("acc", "V", 0)),
            Feature("VARIANCE", Source("acc", "V")),
        ),
        trees=(DecisionTree(tree, (0, 0, 0, 0), {0: "face_up", 4: "face_down", 8: "shaking"}),),
        settings={"acc": SensorSetting(26.0, 2.0), "gyro": SensorSetting(0.0, 250.0)},
    )


def writes() -> list[tuple[int, int]]:
    """The whole write list in the manner of tool 9.8.1."""

    def pages(runs: dict[int, str]) -> list[tuple[int, int]]:
        out = []
        for at, data in runs.items():
            out += [(0x02, at >> 8 << 4 | 1), (0x08, at & 0xFF)]
            out += [(0x09, byte) for byte in bytes.fromhex(data)]
        return out

    def pairs(text: str) -> list[tuple[int, int]]:
        return [(int(p[:2], 16), int(p[2:], 16)) for p in text.split()]

    return [
        *pairs("1000 1100 0180 0500 1740"),
        *pages(PAGES),
        *pairs("0100 1200 0180 1740"),
        *pages(TREE),
        *pairs("0180 1700 0400 0510 0201 0100 1244 0180 6015 0100 1020 1100 5E02 0180 0D01 0100"),
    ]
