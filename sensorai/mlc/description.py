"""A configuration as a plain JSON object, and back: what ``decode --as json`` prints and ``encode`` reads.

The loader is strict: an unknown key, a missing one or a value of the wrong kind is a ConfigError that
names the place. Halves are written as decimal text together with their exact pattern.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sensorai.errors import ConfigError
from sensorai.mlc import half
from sensorai.mlc.config import (
    FILTER_COEFFICIENTS,
    DecisionTree,
    Feature,
    Filter,
    MlcConfig,
    SensorSetting,
    Source,
)
from sensorai.mlc.decode import Decoded
from sensorai.mlc.devices import device as find_device
from sensorai.mlc.encode import default_layout, identifiers
from sensorai.mlc.layout import DELAY, QUIRKS, STYLES, Layout, Step
from sensorai.mlc.strictjson import MOST, JsonObject, hexadecimal
from sensorai.model.forest import Tree
from sensorai.regfile import TAG_FEATURE
from sensorai.targets import closest

FORMAT, VERSION = "sensorai-mlc", 1


# ---------------------------------------------------------------- to JSON


def as_dict(what: Decoded | MlcConfig) -> dict[str, Any]:
    """Describe a configuration as JSON values.

    Parameters
    ----------
    what : Decoded or MlcConfig
        A decoded file also describes its layout, so that it can be written again exactly; a bare
        configuration leaves place and manner to the encoder.
    """
    config, layout = (what.config, what.layout) if isinstance(what, Decoded) else (what, None)
    part = find_device(config.device)
    places = identifiers(config, part, layout or default_layout(config))
    names = [one.label for one in places if one.tag == TAG_FEATURE]
    out: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "device": config.device,
        "window": config.window,
        "mlc_rate_hz": config.mlc_rate_hz,
        "inputs": list(config.inputs),
        "third_sensor": config.third_sensor,
        "settings": {
            slot: {"rate_hz": one.rate_hz, "full_scale": one.full_scale}
            for slot, one in config.settings.items()
        },
        "filters": [_filter_dict(one) for one in config.filters],
        "features": [_feature_dict(one, name) for one, name in zip(config.features, names, strict=True)],
        "trees": [_tree_dict(one) for one in config.trees],
    }
    if layout is not None:
        out["layout"] = _layout_dict(layout)
    return out


def _half_dict(bits: int) -> dict[str, str]:
    return {"value": repr(half.to_float(bits)), "half": f"0x{bits:04X}"}


def _filter_dict(one: Filter) -> dict[str, Any]:
    names = FILTER_COEFFICIENTS[one.kind]
    return {
        "kind": one.kind,
        "sensor": one.sensor,
        "component": one.component,
        "coefficients": {n: _half_dict(bits) for n, bits in zip(names, one.coefficients, strict=True)},
        "fifo": one.fifo,
    }


def _feature_dict(one: Feature, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "kind": one.kind,
        "sensor": one.source.sensor,
        "axis": one.source.axis,
        "filter": None if one.source.filter is None else one.source.filter + 1,
        "absolute": one.absolute,
        "threshold": None if one.threshold is None else _half_dict(one.threshold),
        "fifo": one.fifo,
    }


def _tree_dict(one: DecisionTree) -> dict[str, Any]:
    def child(link: int) -> dict[str, int]:
        return {"result": ~link} if link < 0 else {"node": link}

    return {
        "labels": {str(code): label for code, label in one.labels.items()},
        "end_counters": list(one.end_counters),
        "nodes": [
            {
                "feature": feature + 1,
                "threshold": _half_dict(half.exact_bits(threshold)),
                "left": child(left),
                "right": child(right),
            }
            for feature, threshold, left, right in one.tree.rows()
        ],
    }


def _layout_dict(layout: Layout) -> dict[str, Any]:
    def word(value: int | None, digits: int = 2) -> str | None:
        return None if value is None else f"0x{value:0{digits}X}"

    def step(one: Step) -> dict[str, int] | list[str | None]:
        return {"delay_ms": one[1]} if one[0] == DELAY else [word(one[0]), word(one[1])]

    return {
        "style": layout.style,
        "base": word(layout.base, 3),
        "pointers": {name: word(at, 3) for name, at in layout.pointers.items()},
        "sensitivity": word(layout.sensitivity, 4),
        "high_g_sensitivity": word(layout.high_g_sensitivity, 4),
        "external_format": word(layout.external_format),
        "int1": word(layout.int1),
        "int2": word(layout.int2),
        "registers": [step(one) for one in layout.registers],
        "quirks": list(layout.quirks),
        "before": [step(one) for one in layout.before],
        "after": [step(one) for one in layout.after],
    }


# ---------------------------------------------------------------- from JSON


def from_dict(data: object) -> tuple[MlcConfig, Layout | None]:
    """Read a description strictly.

    Returns
    -------
    config, layout
        ``layout`` is None when the description leaves it out.

    Raises
    ------
    ConfigError
        A key is unknown or missing, or a value is of the wrong kind; ``where`` is its path.
    """
    top = JsonObject(data, "description")
    if top.take("format", str) != FORMAT:
        raise ConfigError(f"this is no {FORMAT} description", where="format", hint=f'expected "{FORMAT}"')
    if top.integer("version", MOST) != VERSION:
        raise ConfigError("the description has another version", where="version", hint=f"expected {VERSION}")
    settings = top.child("settings", {})
    config = MlcConfig(
        device=find_device(top.take("device", str)).name,
        window=top.integer("window", MOST),
        mlc_rate_hz=top.number("mlc_rate_hz"),
        inputs=tuple(_texts(top.array("inputs"), "inputs")),
        filters=tuple(top.each("filters", _filter)),
        features=tuple(top.each("features", _feature)),
        trees=tuple(top.each("trees", _tree)),
        settings={slot: _setting(settings.child(slot)) for slot in settings.data},
        third_sensor=top.maybe("third_sensor", lambda: top.integer("third_sensor", 0xFF)),
    )
    layout = _layout(top.child("layout")) if "layout" in top.data else None
    top.done()
    return config, layout


def _texts(values: Sequence[object], where: str) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise ConfigError("a list of texts is needed", where=where)
    return [str(value) for value in values]


def _half(one: JsonObject) -> int:
    """Pattern of a half; the decimal text alone is rounded to the nearest, both must agree."""
    text = one.take("value", str, "") if "half" in one.data else one.take("value", str)
    pattern = one.hexadecimal("half", 0xFFFF) if "half" in one.data else None
    one.done()
    if pattern is not None and not text:
        return pattern
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{text[:40]!r} is no number", where=one.path("value")) from None
    nearest = half.nearest(value)
    if pattern is None:
        return nearest
    if nearest != pattern and not (math.isnan(value) and pattern & 0x7FFF > half.INFINITY):
        raise ConfigError(
            f"value {text} and half 0x{pattern:04X} are different numbers",
            where=one.where,
            hint=f"half alone is {half.to_float(pattern)!r}; drop one of the two",
        )
    return pattern


def _filter(one: JsonObject) -> Filter:
    kind = one.take("kind", str)
    names = FILTER_COEFFICIENTS.get(kind)
    if names is None:
        raise ConfigError(
            f"unknown filter {kind!r}", where=one.path("kind"), hint=closest(kind, FILTER_COEFFICIENTS)
        )
    given = one.child("coefficients", {})
    made = Filter(
        kind,
        one.take("sensor", str),
        one.take("component", str),
        tuple(_half(given.child(name)) for name in names),
        one.take("fifo", bool, False),
    )
    given.done()
    one.done()
    return made


def _feature(one: JsonObject) -> Feature:
    one.take("name", str, " ")  # a reading aid: it follows from the rest
    source = Source(
        one.take("sensor", str),
        one.take("axis", str),
        one.maybe("filter", lambda: one.integer("filter", MOST, 1) - 1),
    )
    made = Feature(
        one.take("kind", str),
        source,
        one.take("absolute", bool, False),
        one.maybe("threshold", lambda: _half(one.child("threshold"))),
        one.take("fifo", bool, False),
    )
    one.done()
    return made


def _tree(one: JsonObject) -> DecisionTree:
    labels = one.child("labels", {})
    codes: dict[int, str] = {}
    for code in labels.data:
        if not (code.isascii() and code.isdigit() and len(code) <= 3):
            raise ConfigError(f"{code[:40]!r} is no class code", where=labels.where, hint="such as 0, 4 or 8")
        codes[int(code)] = labels.take(code, str)
    counters = one.array("end_counters", [])
    if any(isinstance(c, bool) or not isinstance(c, int) or not 0 <= c <= 0xFF for c in counters):
        raise ConfigError("a list of whole numbers is needed", where=one.path("end_counters"))
    tree = Tree.from_nodes(one.each("nodes", _node)) if one.array("nodes") else Tree.from_nodes([], -1)
    one.done()
    return DecisionTree(tree, tuple(counters), codes)


def _node(one: JsonObject) -> tuple[int, float, int, int]:
    def child(key: str) -> int:
        link = one.child(key)
        number = link.integer("node", MOST) if "node" in link.data else ~link.integer("result", MOST)
        link.done()
        return number

    threshold = half.to_float(_half(one.child("threshold")))
    made = one.integer("feature", MOST, 1) - 1, threshold, child("left"), child("right")
    one.done()
    return made


def _setting(one: JsonObject) -> SensorSetting:
    made = SensorSetting(
        one.maybe("rate_hz", lambda: one.number("rate_hz")),
        one.maybe("full_scale", lambda: one.number("full_scale")),
    )
    one.done()
    return made


def _known(values: Sequence[str], names: Mapping[str, object], where: str) -> tuple[str, ...]:
    for value in values:
        if value not in names:
            raise ConfigError(f"unknown name {value!r}", where=where, hint=closest(value, names))
    return tuple(values)


def _pointers(one: JsonObject) -> dict[str, int]:
    found = {
        name: one.maybe(name, partial(one.hexadecimal, name, 0xFFFF))
        for name in ("inputs", "values", "meta", "tree")
    }
    one.done()
    return {name: at for name, at in found.items() if at is not None}


def _layout(one: JsonObject) -> Layout:
    made = Layout(
        style=_known([one.take("style", str)], STYLES, one.path("style"))[0],
        base=one.hexadecimal("base", 0xFFF),
        pointers=_pointers(one.child("pointers", {})),
        sensitivity=one.maybe("sensitivity", lambda: one.hexadecimal("sensitivity", 0xFFFF)),
        high_g_sensitivity=one.maybe(
            "high_g_sensitivity", lambda: one.hexadecimal("high_g_sensitivity", 0xFFFF)
        ),
        external_format=one.maybe("external_format", lambda: one.hexadecimal("external_format", 0xFF)),
        int1=one.hexadecimal("int1", 0xFF),
        int2=one.hexadecimal("int2", 0xFF),
        registers=_steps(one, "registers"),
        quirks=_known(_texts(one.array("quirks", []), one.path("quirks")), QUIRKS, one.path("quirks")),
        before=_steps(one, "before"),
        after=_steps(one, "after"),
    )
    one.done()
    return made


def _steps(one: JsonObject, key: str) -> tuple[Step, ...]:
    out: list[Step] = []
    for i, item in enumerate(one.array(key, [])):
        where = f"{one.path(key)}[{i}]"
        if isinstance(item, dict):
            delay = JsonObject(item, where)
            out.append((DELAY, delay.integer("delay_ms", 1_000_000)))
            delay.done()
        elif isinstance(item, list) and len(item) == 2:
            out.append((hexadecimal(item[0], 0xFF, where), hexadecimal(item[1], 0xFF, where)))
        else:
            raise ConfigError("[register, value] or {delay_ms} is needed", where=where)
    return tuple(out)
