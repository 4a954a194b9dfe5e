"""C that scales a value to the input of a model, equal to ``Scaling.apply``."""

from __future__ import annotations

from sensorai.codegen.literals import integer
from sensorai.codegen.parts import CodeParts, Table
from sensorai.model.scaling import LIMITS, Scaling


def fits_samples(scaling: Scaling) -> bool:
    """Whether no difference of an int16 sample and an offset leaves int32."""
    return all(abs(v) < _FAR for v in scaling.offset)


def emit_scaling(scaling: Scaling, prefix: str, *, samples: bool = False) -> CodeParts:
    """Emit ``static OUT PREFIX_scale(int32_t x, int32_t offset, SHIFT shift)`` and its tables.

    The tables are ``PREFIX_offset`` and ``PREFIX_shift``; ``OUT`` is ``int8_t`` or ``int16_t``, and SHIFT is
    signed only where a shift is negative. ``samples``: x is int16, see ``fits_samples``.
    """
    n = len(scaling.offset)
    low, high = LIMITS[scaling.type]
    signed = min(scaling.shift) < 0
    kind = "int8_t" if signed else "uint8_t"
    shift = _ROUND.replace("SUFFIX", "" if signed else "U")
    if signed:
        shift += _MULTIPLY
    less = "    int32_t d = x - offset;\n" if samples else _LESS
    source = _SCALE.replace("LESS", less).replace("ROUND", shift)
    for word, value in (
        ("KIND", kind),
        ("OUT", f"{scaling.type}_t"),
        ("TYPE", scaling.type),
        ("LOW", str(low)),
        ("HIGH", str(high)),
        ("NAME", prefix),
    ):
        source = source.replace(word, value)
    offsets = ", ".join(integer(v) for v in scaling.offset)
    shifts = ", ".join(map(str, scaling.shift))
    return CodeParts(
        definitions=(
            Table(f"const int32_t {prefix}_offset[{n}]", f"{{{offsets}}}"),
            Table(f"const {kind} {prefix}_shift[{n}]", f"{{{shifts}}}"),
        ),
        source=source,
    )


#: Size of an offset that may leave int32.
_FAR = 1 << 30

_ROUND = """    if (shift > 0SUFFIX) {
        d = (d >> shift) + ((d >> (shift - 1SUFFIX)) & 1);
    }"""

_MULTIPLY = """ else if (shift < 0) {
        /* saturated first, so that the product fits */
        d = (d > HIGH ? HIGH : (d < LOW ? LOW : d)) * (int32_t)(1U << -shift);
    }"""

_LESS = """    int32_t d;

    if (offset > 0 && x < INT32_MIN + offset) {
        d = INT32_MIN;
    } else if (offset < 0 && x > INT32_MAX + offset) {
        d = INT32_MAX;
    } else {
        d = x - offset;
    }"""

_SCALE = """/* (x - offset) >> shift, rounded half up, saturated to TYPE. */
static OUT NAME_scale(int32_t x, int32_t offset, KIND shift)
{
LESS
ROUND
    return (OUT)(d > HIGH ? HIGH : (d < LOW ? LOW : d));
}"""
