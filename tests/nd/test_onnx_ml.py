"""Models of scikit-learn by way of ai.onnx.ml: against onnxruntime, and as C against the reference."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from sensorai.errors import ConfigError
from sensorai.graph import interpret
from sensorai.graph.graph import Graph
from sensorai.graph.tensor import Array
from sensorai.importers.onnx.reader import read_model
from sensorai.toolchain import cpu, host, qemu
from tests.nd import nets, onnx_nodes
from tests.nd.onnx_nodes import has_c
from tests.need import need

ROWS = 24


@cache
def data() -> tuple[Array, Array, Array]:
    """Features, three classes, a real target; the same on every machine."""
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (150, 4))
    x[50:100] += (1.5, -1, 0.5, 0)
    x[100:] += (-1, 1, 2, 0.5)
    y = np.repeat([0, 1, 2], 50)
    return (
        x.astype(np.float32),
        y,
        (x @ (1.0, -0.5, 0.25, 0) + 0.1 * rng.normal(0, 1, 150)).astype(np.float32),
    )


@cache
def known() -> Mapping[str, tuple[Callable[[], Any], str]]:
    """Makers of models, and what they learn: three classes, two, names, real numbers, nothing."""
    from sklearn import ensemble, linear_model, neighbors, neural_network, preprocessing, svm, tree
    from sklearn.decomposition import PCA
    from sklearn.impute import SimpleImputer
    from sklearn.mixture import GaussianMixture
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline

    many: dict[str, tuple[Callable[[], Any], str]] = {}
    for kind in ("3", "2", "names"):
        many |= {
            f"tree_{kind}": (lambda: tree.DecisionTreeClassifier(max_depth=4, random_state=0), kind),
            f"forest_{kind}": (lambda: ensemble.RandomForestClassifier(9, max_depth=5, random_state=0), kind),
            f"extra_{kind}": (lambda: ensemble.ExtraTreesClassifier(9, max_depth=5, random_state=0), kind),
            f"boosted_{kind}": (
                lambda: ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0),
                kind,
            ),
            f"logistic_{kind}": (lambda: linear_model.LogisticRegression(), kind),
            f"linear_svc_{kind}": (lambda: svm.LinearSVC(random_state=0), kind),
            f"svc_probability_{kind}": (lambda: svm.SVC(probability=True, random_state=0), kind),
        }
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        many[f"svc_{kernel}"] = (partial(svm.SVC, kernel=kernel), "2")
        many[f"svr_{kernel}"] = (partial(svm.SVR, kernel=kernel), "real")
    for kind in ("3", "2", "names"):
        many |= {
            f"mlp_{kind}": (lambda: neural_network.MLPClassifier((5,), max_iter=20, random_state=0), kind),
            f"bagging_{kind}": (lambda: ensemble.BaggingClassifier(n_estimators=3, random_state=0), kind),
            f"ridge_{kind}": (lambda: linear_model.RidgeClassifier(), kind),
        }
    return many | {
        "svc_names": (lambda: svm.SVC(), "names"),
        "ada_boost": (lambda: ensemble.AdaBoostClassifier(n_estimators=3, random_state=0), "3"),
        "bayes": (lambda: GaussianNB(), "3"),
        "neighbours": (lambda: neighbors.KNeighborsClassifier(3), "3"),
        "mixture": (lambda: GaussianMixture(2, random_state=0), "none"),
        "isolation": (lambda: ensemble.IsolationForest(n_estimators=3, random_state=0), "none"),
        "mlp_real": (
            lambda: neural_network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0),
            "real",
        ),
        "components": (lambda: PCA(2), "none"),
        "bins": (lambda: preprocessing.KBinsDiscretizer(3, encode="ordinal"), "none"),
        "powers": (lambda: preprocessing.PolynomialFeatures(2), "none"),
        "svc_3": (lambda: svm.SVC(), "3"),
        "nu_svr": (lambda: svm.NuSVR(), "real"),
        "one_class_svm": (lambda: svm.OneClassSVM(), "none"),
        "tree_real": (lambda: tree.DecisionTreeRegressor(max_depth=4, random_state=0), "real"),
        "forest_real": (lambda: ensemble.RandomForestRegressor(9, random_state=0), "real"),
        "boosted_real": (lambda: ensemble.GradientBoostingRegressor(n_estimators=9, random_state=0), "real"),
        "linear_real": (lambda: linear_model.LinearRegression(), "real"),
        "standard": (lambda: preprocessing.StandardScaler(), "none"),
        "min_max": (lambda: preprocessing.MinMaxScaler(), "none"),
        "max_abs": (lambda: preprocessing.MaxAbsScaler(), "none"),
        "robust": (lambda: preprocessing.RobustScaler(), "none"),
        "binarizer": (lambda: preprocessing.Binarizer(threshold=0.25), "none"),
        "normalizer_max": (lambda: preprocessing.Normalizer("max"), "none"),
        "normalizer_l1": (lambda: preprocessing.Normalizer("l1"), "none"),
        "normalizer_l2": (lambda: preprocessing.Normalizer("l2"), "none"),
        "imputer": (lambda: SimpleImputer(), "none"),
        "pipeline": (
            lambda: make_pipeline(
                preprocessing.StandardScaler(),
                preprocessing.MinMaxScaler(),
                preprocessing.Normalizer(),
                linear_model.LogisticRegression(),
            ),
            "3",
        ),
    }


@cache
def exported(name: str) -> tuple[Any, Any, Array]:
    """Fitted model, its ONNX, and rows."""
    from skl2onnx import to_onnx

    make, kind = known()[name]
    x, y, real = data()
    names = np.array(["still", "walking", "running"])
    target = {"3": y, "2": (y > 0).astype(int), "names": names[y], "real": real, "none": None}[kind]
    if name == "imputer":
        x = x.copy()
        x[::3, 1] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make().fit(x, target)
        plain = hasattr(model, "classes_") and not name.startswith("linear_svc")
        options = {id(model): {"zipmap": False}} if plain else None
        proto = to_onnx(model, x[:1], target_opset={"": 18, "ai.onnx.ml": 3}, options=options)
    return model, proto, x[:: len(x) // ROWS][:ROWS]


@cache
def read(name: str) -> Graph:
    _, proto, x = exported(name)
    return read_model(proto, {proto.graph.input[0].name: x.shape})


def answers(graph: Graph, values: Mapping[str, Array]) -> list[Array]:
    """Outputs; labels that are names as their names."""
    out = []
    for name in graph.outputs:
        y = values[name]
        if y.dtype == np.int64 and name in graph.labels and not graph.labels[name][0].isdigit():
            y = np.array(graph.labels[name])[y]
        out.append(y)
    return out


def names() -> list[str]:
    return list(known())


@pytest.mark.parametrize("name", names())
def test_as_onnxruntime(name: str) -> None:
    import onnxruntime

    _, proto, x = exported(name)
    graph = read(name)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    wanted = session.run(None, {proto.graph.input[0].name: x})
    if name == "normalizer_max":
        # onnxruntime takes the largest number and not the largest magnitude
        wanted = [x / np.abs(x).max(axis=1, keepdims=True)]
    for got, want in zip(answers(graph, interpret.run(graph, x)), wanted, strict=True):
        if got.dtype.kind == "f":
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5 * max(1, np.abs(want).max()))
        else:
            assert got.astype(want.dtype).tolist() == want.tolist()


@pytest.mark.parametrize("name", [n for n in names() if known()[n][1] in ("3", "2", "names")])
def test_as_scikit_learn(name: str) -> None:
    model, _, x = exported(name)
    graph = read(name)
    assert answers(graph, interpret.run(graph, x))[0].tolist() == model.predict(x).tolist()


@cache
def samples() -> list[nets.Sample]:
    found = []
    for name in names():
        graph, x = read(name), exported(name)[2]
        assert has_c(graph), name
        found.append(nets.sample_of(name, graph, [{graph.inputs[0]: x}]))
    return found


def test_c_on_this_machine() -> None:
    program = host.build_program(nets.unit(samples()), opt="-O1", harness=True)
    assert nets.differences(samples(), program.run(nets.stream(samples()))) == []


@pytest.mark.parametrize("core", ["m4", "m0plus"])
def test_c_on_cores(core: str) -> None:
    need("arm-none-eabi-gcc")
    image = qemu.build(nets.unit(samples()), cpu.cpu(core))
    assert nets.differences(samples(), qemu.run_image(image, nets.stream(samples())).output) == []


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def node(op: str, x: Array, outputs: tuple[str, ...], **attributes: Any) -> Any:
    """Model of one node."""
    from onnx import TensorProto, helper

    kinds = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float64): TensorProto.DOUBLE}
    kinds[np.dtype(np.int64)] = TensorProto.INT64
    one = helper.make_node(op, ["x"], list(outputs), domain="ai.onnx.ml", **attributes)
    given = helper.make_tensor_value_info("x", kinds[x.dtype], x.shape)
    made = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    opsets = [
        helper.make_opsetid("", 18),
        helper.make_opsetid("ai.onnx.ml", 5 if op == "TreeEnsemble" else 3),
    ]
    return helper.make_model(helper.make_graph([one], "g", [given], made), opset_imports=opsets, ir_version=9)


def both(proto: Any, x: Array) -> list[tuple[Array, Array]]:
    """What comes out here and of ONNX's reference."""
    from onnx.reference import ReferenceEvaluator

    graph = read_model(proto)
    values = interpret.run(graph, x)
    wanted = ReferenceEvaluator(proto).run(None, {"x": x})
    return list(zip((values[n] for n in graph.outputs), wanted, strict=True))


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("mode", MODES)
def test_modes(mode: str, aggregate: str) -> None:
    x = np.array([[-1], [0.5], [0], [2]], np.float32)
    proto = node(
        "TreeEnsembleRegressor",
        x,
        ("y",),
        nodes_treeids=[0, 0, 0, 1, 1, 1],
        nodes_nodeids=[0, 1, 2] * 2,
        nodes_featureids=[0] * 6,
        nodes_modes=[mode, "LEAF", "LEAF"] * 2,
        nodes_values=[0.5, 0.0, 0.0, 0.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0] * 2,
        nodes_falsenodeids=[2, 0, 0] * 2,
        nodes_missing_value_tracks_true=[0] * 6,
        target_treeids=[0, 0, 0, 1, 1, 0, 1],
        target_nodeids=[1, 2, 1, 1, 2, 2, 1],
        target_ids=[0, 0, 1, 1, 0, 1, 0],
        target_weights=[0.25, -1.0, 2.0, 3.0, 0.5, 0.125, 0.75],
        n_targets=2,
        aggregate_function=aggregate,
        base_values=[0.5, -0.5],
        post_transform="NONE",
    )
    for got, want in both(proto, x):
        # a target without votes is 0 in onnxruntime, and the largest number in ONNX's reference
        seen = np.abs(want) < 1e30
        np.testing.assert_allclose(got[seen], want[seen], rtol=1e-6)


def test_missing_values_take_their_way() -> None:
    x = np.array([[np.nan], [1.0]], np.float32)
    for way in (0, 1):
        proto = node(
            "TreeEnsembleRegressor",
            x,
            ("y",),
            nodes_treeids=[0] * 3,
            nodes_nodeids=[0, 1, 2],
            nodes_featureids=[0] * 3,
            nodes_modes=["BRANCH_GT", "LEAF", "LEAF"],
            nodes_values=[2.0, 0.0, 0.0],
            nodes_truenodeids=[1, 0, 0],
            nodes_falsenodeids=[2, 0, 0],
            nodes_missing_value_tracks_true=[way, 0, 0],
            target_treeids=[0, 0],
            target_nodeids=[1, 2],
            target_ids=[0, 0],
            target_weights=[1.0, 2.0],
            n_targets=1,
        )
        graph = read_model(proto)
        assert interpret.output(graph, x)[:, 0].tolist() == [1.0 if way else 2.0, 2.0]


def test_a_way_round_is_refused() -> None:
    x = np.zeros((1, 1), np.float32)
    proto = node(
        "TreeEnsembleRegressor",
        x,
        ("y",),
        nodes_treeids=[0] * 3,
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0] * 3,
        nodes_modes=["BRANCH_GT", "BRANCH_GT", "LEAF"],
        nodes_values=[2.0, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 2, 0],
        target_treeids=[0],
        target_nodeids=[2],
        target_ids=[0],
        target_weights=[1.0],
        n_targets=1,
    )
    with pytest.raises(ConfigError, match="goes round"):
        read_model(proto)


@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
def test_transforms(post: str) -> None:
    """Three classes: scores as ONNX's reference has them."""
    x = np.array([[0.2, 0.7], [0.9, 0.1]], np.float32)
    proto = node(
        "LinearClassifier",
        x,
        ("label", "scores"),
        coefficients=[0.5, 0.1, 0.2, 0.3, 0.4, 0.9],
        intercepts=[0.1, 0.2, 0.05],
        classlabels_ints=[3, 5, 7],
        post_transform=post,
    )
    (label, wanted), (scores, want) = both(proto, x)
    np.testing.assert_allclose(scores, want, rtol=1e-5)
    assert label.tolist() == wanted.tolist()


@pytest.mark.parametrize("post", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("weights", [[0.2, 0.8], [-0.2, 0.8]])
@pytest.mark.parametrize("base", [None, [0.3]])
def test_two_classes_by_one_sum(post: str, weights: list[float], base: list[float] | None) -> None:
    """As onnxruntime has them."""
    import onnxruntime

    x = np.array([[0.0], [1.0]], np.float32)
    more = {} if base is None else {"base_values": base}
    proto = node(
        "TreeEnsembleClassifier",
        x,
        ("label", "scores"),
        nodes_treeids=[0] * 3,
        nodes_nodeids=[0, 1, 2],
        nodes_featureids=[0] * 3,
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.5, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        class_treeids=[0, 0],
        class_nodeids=[1, 2],
        class_ids=[0, 0],
        class_weights=weights,
        classlabels_int64s=[5, 7],
        post_transform=post,
        **more,
    )
    proto.graph.output[0].type.tensor_type.elem_type = 7
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    label, scores = session.run(None, {"x": x})
    graph = read_model(proto)
    values = interpret.run(graph, x)
    assert values[graph.outputs[0]].tolist() == label.tolist()
    np.testing.assert_allclose(values[graph.outputs[1]], scores, rtol=1e-6)


def test_names_of_classes_are_kept() -> None:
    graph = read("tree_names")
    assert graph.labels[graph.outputs[0]] == ("running", "still", "walking")
    assert graph.labels[graph.outputs[1]] == ("running", "still", "walking")


def test_version_five_with_sets() -> None:
    """Trees of version 5: sets to be in, numbers of two targets; a tree that is a leaf, by onnxruntime."""
    import onnxruntime

    x = np.array([[1.2, 3.4, -0.12], [1.66, 4.14, 1.77], [4.0, 3.4, 11], [0, np.nan, 7]], np.float64)
    nan = float("nan")
    from onnx import TensorProto, helper

    def tensor(values: list[float]) -> Any:
        return helper.make_tensor("t", TensorProto.DOUBLE, (len(values),), values)

    attributes = {
        "n_targets": 2,
        "membership_values": tensor([1.2, 3.7, 8.0, 9.0, nan, 12.0, 7.0, nan]),
        "nodes_splits": tensor([11, 3.4, 0, 0, 0]),
        "nodes_featureids": [0, 1, 0, 2, 0],
        "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, (5,), [0, 5, 6, 6, 0]),
        "nodes_truenodeids": [1, 0, 0, 1, 2],
        "nodes_falsenodeids": [2, 1, 3, 2, 2],
        "nodes_trueleafs": [0, 1, 1, 1, 1],
        "nodes_falseleafs": [1, 1, 0, 1, 1],
        "leaf_targetids": [0, 1, 0],
        "leaf_weights": tensor([5.23, 12.12, -12.23]),
    }
    proto = node("TreeEnsemble", x, ("y",), tree_roots=[0, 2], **attributes)
    for got, want in both(proto, x):
        np.testing.assert_allclose(got, want, rtol=1e-12)
    proto = node("TreeEnsemble", x, ("y",), tree_roots=[0, 4], **attributes)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (want,) = session.run(None, {"x": x})
    np.testing.assert_allclose(interpret.output(read_model(proto), x), want, rtol=1e-12)


def test_node_tests_of_the_domain() -> None:
    """All of ONNX's own that need no text, whether they are in our list or not."""
    everything = onnx_nodes.tests().items()
    wanted = [n for n, one in everything if any(o.domain == "ai.onnx.ml" for o in one.model.graph.node)]
    passed = [n for n in wanted if not onnx_nodes.missing(n) and not onnx_nodes.fault(n)]
    assert set(wanted) - set(passed) <= {
        # text goes in or comes out
        "test_ai_onnx_ml_label_encoder_string_int",
        "test_ai_onnx_ml_label_encoder_string_int_no_default",
        "test_ai_onnx_ml_label_encoder_tensor_mapping",
        "test_ai_onnx_ml_label_encoder_tensor_value_only_mapping",
        "test_ai_onnx_ml_array_feature_extractor",
    }
    assert onnx_nodes.c_differences(passed) == []
