"""Binary units turned over: the same scores with fewer +1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sensorai.graph import interpret
from sensorai.learn import qat, shapes
from sensorai.learn.fewer_ones import fewer_ones
from sensorai.learn.lower import lower
from sensorai.learn.nets import first_params


def test_scores_stay_and_ones_become_few() -> None:
    shape = shapes.mlp(9, (33, 32, 32), 3, binary=True, seed=1)
    net = lower(shape, first_params(shape), qat.Scales({shape.inputs[0]: 4}))
    rng = np.random.default_rng(2)
    x = rng.integers(-128, 128, (200, 9)).astype(np.int8)
    first, second, third = (n.output for n in net.nodes[:3])
    roles = net.nodes[0].roles
    # both directions, and limits that have no room to move
    limits = rng.integers(-900, 900, 33).astype(np.int32)
    limits[:2] = -(2**31), 2**31 - 1
    flips = (np.arange(33) % 2).astype(np.uint8)
    flips[1] = 0
    net = net.with_tensors(
        [
            replace(net.tensors[roles["threshold"]], data=limits),
            replace(net.tensors[roles["flip"]], data=flips),
        ]
    )
    turned = fewer_ones(net, x[:100])
    assert np.array_equal(interpret.output(turned, x), interpret.output(net, x))
    before, after = (interpret.run(g, x[:100]) for g in (net, turned))
    for name, free in ((first, slice(2, None)), (second, slice(None))):
        old, new = ((values[name] > 0).mean(axis=0) for values in (before, after))
        assert np.allclose(new[free], np.minimum(old, 1 - old)[free])
        assert new.sum() < old.sum()
    assert np.array_equal(after[first][:, :2], before[first][:, :2])
    # what takes the last bits looks at all of them
    assert np.array_equal(after[third], before[third])
