"""Weights as places in a dictionary: few different numbers, and for each weight which of them it is.

Nothing is lost: a weight is the number of the dictionary, bit by bit. Places take 1, 2, 4 or 8 bits, the
first weight in the lowest bits of the first byte. int4 numbers are places by themselves, all of them in one
dictionary that is the same for every layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sensorai.graph.operator import Writer
from sensorai.graph.tensor import Array

#: Bits of a place: none lies in two bytes.
BITS = (1, 2, 4, 8)
#: Bytes that it must save: its kernel takes about as many once a net, and more time for each weight.
LEAST = 1024
#: Numbers that are looked at before all of them are.
_FIRST = 1 << 12
#: Types of C by those of dictionaries.
_KINDS = {"int8": "int8_t", "float32": "float"}


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Weights by places in a dictionary.

    Attributes
    ----------
    bits : int
        Of a place, one of ``BITS``.
    book : ndarray, optional
        Numbers of the dictionary, int8 or float32; None for that of int4 numbers.
    places : ndarray of uint8
        Packed.
    plain : int
        Bytes that the weights take without.
    """

    bits: int
    book: Array | None
    places: Array
    plain: int

    @property
    def bytes(self) -> int:
        """Bytes of dictionary and places."""
        return self.places.nbytes + (0 if self.book is None else self.book.nbytes)

    @property
    def saved(self) -> int:
        """Bytes that it saves."""
        return self.plain - self.bytes


def coded(weights: Array, *, narrow: bool = False) -> Coded | None:
    """Weights by places in a dictionary; None where that does not save enough.

    Parameters
    ----------
    weights : ndarray of int8 or float32
    narrow : bool
        They are int4 numbers, whose dictionary takes no bytes.
    """
    book = distinct(weights) if weights.size else None
    bits = next(b for b in BITS if len(book) <= 1 << b) if book is not None else 8
    flat, found = weights.reshape(-1), None
    if narrow and bits >= 4:
        found = Coded(4, None, pack(flat.view(np.uint8) & 15, 4), weights.nbytes)
    elif book is not None and bits < 8 * weights.itemsize:
        places = np.searchsorted(_order(book), _order(flat))
        found = Coded(bits, book, pack(places, bits), weights.nbytes)
    return found if found is not None and found.saved >= LEAST else None


def distinct(weights: Array) -> Array | None:
    """Different numbers, in the order of their bits; None where they are more than a dictionary holds."""
    flat = _order(weights.reshape(-1))
    most = 1 << BITS[-1]
    for some in (flat[:: max(1, flat.size // _FIRST)], flat):
        found = np.unique(some)
        if len(found) > most:
            return None
    return np.asarray(found.view(weights.dtype))


def _order(numbers: Array) -> Array:
    """Bits as whole numbers: 0 and -0 are two numbers."""
    return np.asarray(np.ascontiguousarray(numbers).view(np.uint8 if numbers.itemsize == 1 else np.uint32))


def pack(places: Array, bits: int) -> Array:
    """Places in bytes, the first in the lowest bits."""
    each = 8 // bits
    rows = np.zeros((-(-places.size // each), each), np.uint8)
    rows.reshape(-1)[: places.size] = places
    return np.asarray(np.bitwise_or.reduce(rows << (np.arange(each, dtype=np.uint8) * bits), axis=1))


def written(found: Coded, fields: Mapping[str, object], to: Writer) -> tuple[str, str]:
    """Define dictionary, places and description of a layer of ``sa_nd_coded.h``.

    Parameters
    ----------
    found : Coded
    fields : mapping of str to object
        Description of the convolution.

    Returns
    -------
    layer, places : str
        Pointers, in C.
    """
    book = "sa_nd_int4"
    if found.book is not None:
        kind = _KINDS[found.book.dtype.name]
        book = to.shared(kind, f"book{to.index}", found.book)
    places = to.shared("uint8_t", f"places{to.index}", found.places)
    to.spare(places, found.saved)
    conv = "{" + ", ".join(f".{key} = {value}" for key, value in fields.items()) + "}"
    return to.layer({"conv": conv, "book": book}, "sa_nd_coded_t"), places
