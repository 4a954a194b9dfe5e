"""Operators of any number of axes: the one list."""

from __future__ import annotations

from collections.abc import Mapping

from sensorai.ops.nd.arg import ArgExtreme
from sensorai.ops.nd.bands import SignalDenoise, SignalGain, SignalLog, SignalRoot
from sensorai.ops.nd.base import NdOperator
from sensorai.ops.nd.batch_norm import BatchNorm
from sensorai.ops.nd.bilinear import Bilinear
from sensorai.ops.nd.binary import Binary
from sensorai.ops.nd.cast import Cast
from sensorai.ops.nd.clip import Clip
from sensorai.ops.nd.concat import Concat
from sensorai.ops.nd.conv import Conv
from sensorai.ops.nd.conv_transpose import ConvTranspose
from sensorai.ops.nd.cumsum import CumSum
from sensorai.ops.nd.det import Det
from sensorai.ops.nd.framing import Frames, OverlapAdd, Stack
from sensorai.ops.nd.fully_connected import FullyConnected
from sensorai.ops.nd.gather import Gather, GatherElements
from sensorai.ops.nd.gather_nd import GatherND
from sensorai.ops.nd.gru import Gru
from sensorai.ops.nd.lrn import LocalResponse
from sensorai.ops.nd.lstm import Lstm
from sensorai.ops.nd.matmul import MatMul
from sensorai.ops.nd.mixed import Mixed
from sensorai.ops.nd.normalize import Normalize
from sensorai.ops.nd.one_hot import OneHot
from sensorai.ops.nd.pad import Pad
from sensorai.ops.nd.pool import Pool
from sensorai.ops.nd.quantize import Dequantize, Quantize, Scaled
from sensorai.ops.nd.reduce import Reduce
from sensorai.ops.nd.repeats import Expand, Tile
from sensorai.ops.nd.resample import Resample
from sensorai.ops.nd.reshape import Reshape
from sensorai.ops.nd.reverse_sequence import ReverseSequence
from sensorai.ops.nd.rfft import Irfft, Rfft
from sensorai.ops.nd.rnn import Rnn
from sensorai.ops.nd.rows import Categories, Fill, Lookup, RowNorm
from sensorai.ops.nd.scatter import Scatter
from sensorai.ops.nd.scores import LabelOf, Scores
from sensorai.ops.nd.signals import SignalBands, SignalEnergy, SignalScale, SignalWindow
from sensorai.ops.nd.slices import Slice
from sensorai.ops.nd.softmax import Softmax
from sensorai.ops.nd.support import Coupling, Kernel, Pairs, Votes
from sensorai.ops.nd.svdf import Svdf
from sensorai.ops.nd.thresholds import Thresholds
from sensorai.ops.nd.topk import TopK
from sensorai.ops.nd.transpose import Transpose
from sensorai.ops.nd.trees import Trees
from sensorai.ops.nd.triangle import Triangle
from sensorai.ops.nd.unary import Unary
from sensorai.ops.nd.where import Where

ND_OPERATORS: Mapping[str, type[NdOperator]] = {
    one.NAME: one
    for one in (
        ArgExtreme,
        BatchNorm,
        Bilinear,
        Binary,
        Cast,
        Categories,
        Clip,
        Concat,
        Conv,
        ConvTranspose,
        Coupling,
        CumSum,
        Dequantize,
        Det,
        Expand,
        Fill,
        Frames,
        FullyConnected,
        Gather,
        GatherElements,
        GatherND,
        Gru,
        Irfft,
        Kernel,
        LabelOf,
        LocalResponse,
        Lookup,
        Lstm,
        MatMul,
        Mixed,
        Normalize,
        OneHot,
        OverlapAdd,
        Pad,
        Pairs,
        Pool,
        Quantize,
        Reduce,
        Resample,
        Reshape,
        ReverseSequence,
        Rfft,
        Rnn,
        RowNorm,
        Scaled,
        Scatter,
        Scores,
        SignalBands,
        SignalDenoise,
        SignalEnergy,
        SignalGain,
        SignalLog,
        SignalRoot,
        SignalScale,
        SignalWindow,
        Slice,
        Softmax,
        Stack,
        Svdf,
        Thresholds,
        Tile,
        TopK,
        Transpose,
        Trees,
        Triangle,
        Unary,
        Votes,
        Where,
    )
}
