"""Pictures of memory: every tensor is a block where the plan has it, within the drawing."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from sensorai.nets.costs import costs
from sensorai.nets.memory import memory
from sensorai.report.memory import HEIGHT, LEFT, TOP, WIDTH, flash, over_time
from tests.plan.chains import level

NS = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("optimize", ["time", "ram"])
def test_blocks_lie_where_the_plan_has_them(optimize: str) -> None:
    graph = level()
    view = memory(graph, costs(graph, (True, True), optimize))
    assert view is not None
    assert max(view.used()) == view.peak
    root = ElementTree.fromstring(over_time(view))
    boxes = root.findall(f"{NS}rect")
    # a tensor that moves is drawn at both places
    assert len(boxes) == 7 + (5 if optimize == "ram" else 0)
    for box, block in zip(boxes, view.blocks, strict=True):
        x, y, width, height = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        assert x >= LEFT
        assert x + width <= WIDTH
        assert TOP - 0.2 <= y <= y + height <= TOP + HEIGHT + 0.2
        assert height == pytest.approx(block.size * HEIGHT / view.peak, abs=0.1)
        assert box.findtext(f"{NS}title") == block.words
    bars = ElementTree.fromstring(flash(view)).findall(f"{NS}rect")
    assert len(bars) == 6
