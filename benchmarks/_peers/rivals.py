"""C of other generators for the same models, where their packages are installed."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from _peers.measure import Predictor
from sensorai.errors import InternalError

PACKAGES = ("emlearn", "m2cgen", "micromlgen")
INSTALL = "pip install --no-deps emlearn m2cgen micromlgen pybind11"

#: Their code is not written for our warnings.
C_FLAGS = ("-std=gnu11", "-w")
CPP_FLAGS = ("-x", "c++", "-fno-exceptions", "-fno-rtti", "-w")

Rows = npt.NDArray[np.int64]
Make = Callable[[str, Any, npt.NDArray[np.int16], npt.NDArray[np.int64]], list[Predictor]]


def version(package: str) -> str | None:
    """Version of an installed package; None without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def trees(name: str, model: Any, x: npt.NDArray[np.int16], wanted: npt.NDArray[np.int64]) -> list[Predictor]:
    """Let every installed generator write a fitted tree or forest; ``x``: rows to run."""
    out: list[Predictor] = []
    for package, make in _TREES.items():
        if version(package):
            with _elsewhere():
                out += make(name, model, x, wanted)
    return out


def _emlearn(
    name: str, model: Any, x: npt.NDArray[np.int16], wanted: npt.NDArray[np.int64]
) -> list[Predictor]:
    import emlearn  # type: ignore[import-not-found]

    forms: list[tuple[str, dict[str, Any]]] = [
        ("inline, hard vote", {"method": "inline"}),
        ("loadable, hard vote", {"method": "loadable"}),
    ]
    if hasattr(model, "estimators_"):
        forms.insert(1, ("inline, 8-bit soft vote", {"method": "inline", "leaf_bits": 8}))
    out = []
    for label, options in forms:
        written = emlearn.convert(model, dtype="int16_t", **options)
        inference = ["loadable"] if options["method"] == "loadable" else ["inline"]
        text = written.save(name="m", file=None, inference=inference, include_proba=False)
        body = f'#include "m.h"\nint32_t predict(const int16_t *x) {{ return m_predict(x, {x.shape[1]}); }}\n'
        sources = {**_emlearn_headers(emlearn), "m.h": text, "m.c": body}
        out.append(Predictor(name, f"emlearn {label}", sources, x, wanted, flags=C_FLAGS))
    return out


def emlearn_mlp(
    name: str, table: npt.NDArray[np.int32], y: Rows, train: npt.NDArray[np.bool_], rows: Rows
) -> list[Predictor]:
    """Float net of scikit-learn's ``MLPClassifier`` (28-128-128-4): the only MLP of the three packages."""
    if not version("emlearn"):
        return []
    # the other form, inline, fails in 0.23.2 on the name of an activation
    import emlearn
    from sklearn.neural_network import MLPClassifier
    from sklearn.preprocessing import StandardScaler

    model = MLPClassifier((128, 128), early_stopping=True, max_iter=60, random_state=0)
    x = StandardScaler().fit(table[train]).transform(table).astype(np.float32)
    # Adam's second moments may underflow
    with np.errstate(under="ignore"):
        model.fit(x[train], y[train])
    with _elsewhere():
        text = emlearn.convert(model, method="loadable").save(name="m", file=None)
    body = f'#include "m.h"\nint32_t predict(const float *x) {{ return m_predict(x, {x.shape[1]}); }}\n'
    sources = {**_emlearn_headers(emlearn), "m.h": text, "m.c": body}
    macs = sum(w.size for w in model.coefs_)
    wanted = model.predict(x[rows]).astype(np.int64)
    return [Predictor(name, "emlearn float", sources, x[rows], wanted, macs, 4 * macs, C_FLAGS)]


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """Work in a temporary folder: emlearn leaves files where it runs."""
    with tempfile.TemporaryDirectory(prefix="sensorai-") as folder, contextlib.chdir(folder):
        yield


def _emlearn_headers(emlearn: Any) -> dict[str, str | bytes]:
    return {p.name: p.read_bytes() for p in sorted(Path(emlearn.includedir).glob("eml_*.h"))}


def _m2cgen(
    name: str, model: Any, x: npt.NDArray[np.int16], wanted: npt.NDArray[np.int64]
) -> list[Predictor]:
    import m2cgen  # type: ignore[import-not-found]

    classes = len(model.classes_)
    body = f"""
#include <stdint.h>
int32_t predict(const double *x)
{{
    double scores[{classes}];
    int32_t at = 0;
    score((double *)x, scores);
    for (int32_t i = 1; i < {classes}; i++)
        if (scores[i] > scores[at])
            at = i;
    return at;
}}
"""
    sources = {"m.c": m2cgen.export_to_c(model) + body}
    return [Predictor(name, "m2cgen (double)", sources, x.astype(np.float64), wanted, flags=C_FLAGS)]


def _micromlgen(
    name: str, model: Any, x: npt.NDArray[np.int16], wanted: npt.NDArray[np.int64]
) -> list[Predictor]:
    import micromlgen  # type: ignore[import-not-found]

    text = micromlgen.port(model)
    kind = re.search(r"class (\w+)", text)
    if not kind:
        raise InternalError("micromlgen wrote no class")
    body = f"""
static Eloquent::ML::Port::{kind[1]} model;
extern "C" int32_t predict(const float *x);
int32_t predict(const float *x) {{ return model.predict((float *)x); }}
"""
    # it needs an include that it does not write, and one of C++ of which C's does
    sources = {"cstdarg": "#include <stdarg.h>\n", "m.c": "#include <stdint.h>\n" + text + body}
    label = "micromlgen (float" + (", hard vote)" if hasattr(model, "estimators_") else ")")
    return [Predictor(name, label, sources, x.astype(np.float32), wanted, flags=CPP_FLAGS)]


_TREES: Mapping[str, Make] = {"emlearn": _emlearn, "m2cgen": _m2cgen, "micromlgen": _micromlgen}
