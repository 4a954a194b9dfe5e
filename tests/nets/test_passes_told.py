"""What ``analyze`` tells of passes: a line each that adds up, and the comparison."""

from __future__ import annotations

import numpy as np
import pytest

from sensorai.cli.analyze import _print_layers
from sensorai.cli.out import console
from sensorai.graph.graph import Graph
from sensorai.importers.net import NetBuilder
from sensorai.nets import passes_told
from sensorai.nets.compiling import compiled
from sensorai.nets.costs import costs
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.unary import Unary
from sensorai.passes.change import cost


def net(last: str = "tanh") -> Graph:
    """Transposes round a convolution with a batch norm."""
    rng = np.random.default_rng(1)
    made = NetBuilder()
    x = made.input("x", (1, 3, 9), "float32")
    (y,) = made.add(Transpose((0, 2, 1)), (x,))
    (y,) = made.add(Conv(), (y, made.constant("w", rng.normal(0, 1, (4, 3, 3)).astype(np.float32))))
    (y,) = made.add(Transpose((0, 2, 1)), (y,))
    four = [made.constant("k", rng.uniform(0.5, 2, 4).astype(np.float32)) for _ in range(4)]
    (y,) = made.add(BatchNorm(1e-3, 1), (y, *four))
    (y,) = made.add(Clip(0.0), (y,))
    (y,) = made.add(Unary(last), (y,))
    return made.graph((y,))


def test_lines_add_up() -> None:
    read = net()
    made = compiled(read)
    rows = passes_told.rows(read, made.steps)
    assert len(rows) == len({row.name for row in rows})
    assert all(row.words != row.name for row in rows)
    assert [row.before for row in rows[1:]] == [row.after for row in rows[:-1]]
    first, last = cost(read), cost(made.graph)
    assert (rows[0].before.nodes, rows[0].before.macs) == (first.nodes, first.macs)
    assert (rows[-1].after.nodes, rows[-1].after.bytes) == (last.nodes, last.bytes)
    told = passes_told.lines(read, made.steps, "seen")
    assert len(told) == len(rows) + 2
    assert f"nodes {first.nodes} -> {last.nodes}" in told[-1]


def test_the_net_is_compared_with_what_was_read() -> None:
    read = net()
    said = passes_told.checked(read, compiled(read).passed)
    assert "outputs differ by" in said
    assert passes_told.checked(read, read) == "checked on the reference with 2 calls: same outputs to the bit"
    # no layer of floats became integer
    assert passes_told.may_differ(compiled(read).steps) == {}
    # another net is seen
    other = passes_told.checked(read, net("neg"))
    assert float(other.split(" by ")[1].split()[0]) > 0.1


def test_figures_are_never_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    """Names give way in a table of a hundred columns."""
    made = NetBuilder()
    x = made.input("x", (1, 1024, 512), "float32")
    w = made.constant("w", np.zeros((2048, 512), np.float32))
    (y,) = made.add(FullyConnected(), (x, w), ("a_layer_with_a_name_of_more_than_thirty_letters",))
    _print_layers(console(), costs(made.graph((y,))))
    printed = capsys.readouterr().out
    for figure in ("1x1024x2048", "1,048,576", "1,073,741,824", "1,075,838,976"):
        assert figure in printed
    assert max(map(len, printed.splitlines())) <= 100
