"""Other tools' detectors on the same features: scikit-learn in float, emlearn in C."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorai.codegen.detector import emit_detector
from sensorai.codegen.project import emit_project
from sensorai.errors import InternalError
from sensorai.features import catalogue
from sensorai.learn.counts import Counted
from sensorai.learn.detectors import DetectorOptions, FittedDetector, fit_detector
from sensorai.learn.normal import NormalWindows
from sensorai.model.detector import CLASSES
from sensorai.model.pipeline import Pipeline
from sensorai.toolchain.arm import build_elf
from sensorai.toolchain.cpu import cpu
from sensorai.toolchain.emulator import Emulator
from sensorai.verify.alarms import auc

Float = npt.NDArray[np.float64]
CORE = "cortex-m4"


def peers_in_float(name: str, learnt: NormalWindows, test: Counted) -> list[str]:
    """Area under the curve of scikit-learn's detectors on standardised features, beside ours of that kind.

    One without a kind of ours, the support vectors, stands beside the mixture.
    """
    from sklearn.covariance import EllipticEnvelope
    from sklearn.ensemble import IsolationForest
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import OneClassSVM

    values = catalogue.table(learnt.features, test.x)
    scaler = StandardScaler().fit(learnt.values)
    x, y = scaler.transform(learnt.values), scaler.transform(values)
    tools: dict[str, tuple[str, Any, Callable[[Any, Float], Float]]] = {
        "IsolationForest": (
            "isolation-forest",
            IsolationForest(random_state=0),
            lambda m, z: -m.score_samples(z),
        ),
        "EllipticEnvelope": ("mahalanobis", EllipticEnvelope(random_state=0), lambda m, z: m.mahalanobis(z)),
        "GaussianMixture(4)": ("gmm", GaussianMixture(4, random_state=0), lambda m, z: -m.score_samples(z)),
        "OneClassSVM": ("gmm", OneClassSVM(nu=0.05), lambda m, z: -m.score_samples(z)),
    }
    ours = {kind: _auc(_fit(learnt, kind).scores(values), test) for kind, _, _ in tools.values()}
    out = []
    for tool, (kind, model, score) in tools.items():
        theirs = _auc(score(model.fit(x), y), test)
        figures = f"{theirs:.3f} | {kind} {ours[kind]:.3f} | {ours[kind] / theirs:.3f}"
        out.append(f"| {name} | scikit-learn {tool} | {figures} | | | | |")
    return out


def _fit(learnt: NormalWindows, kind: str = "gmm", **options: Any) -> FittedDetector:
    return fit_detector(kind, learnt.values, DetectorOptions(**options))


def _auc(scores: npt.ArrayLike, test: Counted) -> float:
    points = np.asarray(scores, np.float64)
    return auc(points[test.y == 0], points[test.y == 1])


def peers_in_c(name: str, learnt: NormalWindows, test: Counted) -> list[str]:
    """Flash and instructions of emlearn's C beside ours: the model alone, on Cortex-M4 at -O2."""
    try:
        import emlearn  # type: ignore[import-not-found]
    except ImportError:
        return []
    # importing emlearn makes NumPy raise even at underflow
    np.seterr(all="warn", under="ignore")
    from sklearn.covariance import EllipticEnvelope
    from sklearn.mixture import GaussianMixture
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(learnt.values)
    x = scaler.transform(learnt.values)
    rows = np.ascontiguousarray(scaler.transform(catalogue.table(learnt.features, test.x[:64])), np.float32)
    out = []
    for tool, model, kind, options in (
        ("EllipticEnvelope", EllipticEnvelope(random_state=0), "mahalanobis", {}),
        (
            "GaussianMixture(4)",
            GaussianMixture(4, random_state=0),
            "gmm",
            {"components": (4,), "covariance": "full"},
        ),
    ):
        header = _header(emlearn, model.fit(x))
        count = len(learnt.features)
        if kind == "gmm":
            body = f"float p[4]; float s = 0.0f; (void)peer_score(x, {count}, p, &s); return (int32_t)s;"
        else:
            body = f"return (int32_t)peer_predict(x, {count});"
        flash, instructions = _run_theirs(emlearn, header, body, rows)
        own_flash, own = _run_ours(_fit(learnt, kind, **options), learnt, test)
        out.append(
            f"| {name} | emlearn {tool} ({len(learnt.features)} features) | | | | {flash:,} | {own_flash:,} "
            f"| {instructions:,.0f} | {own:,.0f} |"
        )
    return out


def _header(emlearn: Any, model: Any) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peer.h"
        before = Path.cwd()
        os.chdir(folder)
        try:
            emlearn.convert(model, method="inline").save(file=str(path), name="peer")
        finally:
            os.chdir(before)
        return path.read_text()


def _run_theirs(emlearn: Any, header: str, body: str, rows: npt.NDArray[np.float32]) -> tuple[int, float]:
    include = Path(str(emlearn.includedir))
    files: dict[str, str | bytes] = {p.name: p.read_text() for p in include.glob("*.h")}
    files["peer.h"] = header
    files["m.c"] = (
        '#include <stdint.h>\n#include "peer.h"\n'
        f"int32_t run(const float *x);\nint32_t run(const float *x) {{ {body} }}\n"
    )
    image = build_elf(files, cpu(CORE), opt="-O2", flags=("-std=gnu11", "-w"), keep=("run",))
    emulator = Emulator(image)
    return image.flash, float(np.mean([emulator.call("run", row).instructions for row in rows]))


def _run_ours(fitted: FittedDetector, learnt: NormalWindows, test: Counted) -> tuple[int, float]:
    counted = learnt.counted
    pipeline = Pipeline(
        "own",
        counted.channels,
        counted.rate_hz,
        counted.window,
        counted.stride,
        (),
        learnt.features,
        fitted.scaling,
        fitted.detector,
        CLASSES,
    )
    parts = emit_detector(fitted.detector, "own")
    names = {name.rpartition("/")[2] for name in parts.runtime}
    files = {n: t for n, t in emit_project(pipeline).sources().items() if n in names}
    width = "int16_t" if fitted.detector.input_type == "int16" else "int32_t"
    includes = "".join(f'#include "{n}"\n' for n in sorted(names) if n.endswith(".h"))
    files["m.c"] = (
        f"#include <stdint.h>\n{includes}{parts.data}\n{parts.source}\n"
        f"int32_t run(const {width} *x);\nint32_t run(const {width} *x)\n{{\n    int32_t score[2];\n\n"
        "    own_model(x, score, 0);\n    return score[1];\n}\n"
    )
    image = build_elf(files, cpu(CORE), opt="-O2", flags=("-std=gnu11", "-w"), keep=("run",))
    if fitted.scaling is None:
        raise InternalError("these detectors have a scaling")
    rows = fitted.scaling.apply(catalogue.table(learnt.features, test.x[:64]))
    emulator = Emulator(image)
    calls = [emulator.call("run", np.ascontiguousarray(row)) for row in rows]
    return image.flash, float(np.mean([c.instructions for c in calls]))
