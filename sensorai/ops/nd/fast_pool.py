"""Faster kernels of pools, chosen for the instructions of a core; the numbers are those of all others."""

from __future__ import annotations

from sensorai.graph.operator import Applied, Writer
from sensorai.ops.nd import fast_ispu
from sensorai.ops.nd.windows import Window

#: What members of the description hold.
_LARGEST = 1 << 15


def emit(at: Applied, to: Writer, window: Window, kind: str, ends: tuple[str, str]) -> bool:
    """Write the call of a kernel, where there is one for the layer.

    Parameters
    ----------
    window : Window
    kind : {"max", "average"}
        Numbers of margins do not count.
    ends : (str, str)
        Of the results, as C.
    """
    sizes = (*window.kernel, *window.strides, *window.before, at.x.shape[0])
    flat = len(window.kernel) <= 2 and set(window.dilations) <= {1}
    if at.x.dtype != "int8" or not flat or max(sizes) >= _LARGEST:
        return False
    small = at.isa == "ispu" and kind == "max" and fast_ispu.fits(at)
    if at.isa != "mve" and not small:
        return False

    def two(values: tuple[int, ...], fill: int) -> str:
        return "{" + ", ".join(map(str, (fill,) * (2 - len(values)) + tuple(values))) + "}"

    fields: dict[str, object] = {
        "in": two(window.extents, 1),
        "out": two(window.out, 1),
        "channels": at.x.shape[-1],
        "kernel": two(window.kernel, 1),
        "stride": two(window.strides, 1),
        "before": two(window.before, 0),
        "batch": at.x.shape[0],
        "lo": ends[0],
        "hi": ends[1],
    }
    x, y = to.source(at.x), to.target(at.out)
    if small:
        layer = to.layer(fields, "sa_nd_pool_ispu_t")
        to.call("nd/sa_nd_pool_ispu.h", "sa_nd_pool_ispu_max", layer, x, y)
        return True
    layer = to.layer(fields, "sa_nd_window_t")
    to.call("nd/sa_nd_pool_mve.h", f"sa_nd_pool_mve_{kind}", layer, x, y)
    return True
