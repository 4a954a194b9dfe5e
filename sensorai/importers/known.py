"""What must be known before a net runs: shapes, axes, conditions, numbers of rounds."""

from __future__ import annotations

from typing import Any

from sensorai.errors import ConfigError
from sensorai.graph.tensor import Array, Tensor

_FREEZE = "freeze the input that it comes from to one value"


class NeedsConstant(ConfigError):
    """A tensor that decides about shapes is not known before the net runs; ``name`` says which."""

    def __init__(self, message: str, *, name: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.name = name


def known(where: str, tensor: Tensor, what: str, hint: str = _FREEZE) -> Array:
    """Numbers of a constant; a NeedsConstant where they are computed.

    Parameters
    ----------
    where, what : str
        The node, and what the numbers are to it, in the message: ``node a (Slice)``, ``ends``.
    """
    if tensor.data is None:
        raise NeedsConstant(
            f"{where}: its {what} is computed while the net runs", name=tensor.name, hint=hint
        )
    return tensor.data


def single(where: str, tensor: Tensor, what: str, hint: str = _FREEZE) -> Any:
    """Return the only number of a constant, of its NumPy type."""
    if tensor.size != 1:
        raise ConfigError(f"{where}: its {what} is no single number, but of shape {tensor.shape}")
    return known(where, tensor, what, hint).reshape(-1)[0]


def integers(where: str, tensor: Tensor, what: str) -> tuple[int, ...]:
    """Whole numbers of a constant."""
    return tuple(int(v) for v in known(where, tensor, what).reshape(-1))
