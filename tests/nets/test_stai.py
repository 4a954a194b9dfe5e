"""The interface of ST's tool: an application written from what is published of it compiles and runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorai.codegen.netproject import emit_net_project
from sensorai.nets.inputs import spread
from sensorai.nets.model import open_model
from sensorai.nets.port import ports
from sensorai.nets.references import one_by_one
from sensorai.nets.running import Program
from sensorai.nets.validating import parting
from sensorai.toolchain.host import build_program
from tests.need import need
from tests.nets.models import reshape, two
from tests.nets.test_project import ABOUT, memory

#: As applications of ST's tool set it up; then everything that is to be refused.
APPLICATION = """
#include "network.h"
#include "network_data.h"
#include "stai_events.h"

typedef struct {
    uint32_t starts, stops, wrong;
} seen_t;

/* Every node starts and stops in its order, and says where its numbers lie. */
static void on_event(void *cookie, const stai_event_type type, const void *payload)
{
    const stai_event_node_start_stop *event = (const stai_event_node_start_stop *)payload;
    seen_t *seen = (seen_t *)cookie;
    uint32_t *count = (type == STAI_EVENT_NODE_START) ? &seen->starts : &seen->stops;

    seen->wrong += (event->node_id != (int32_t)*count) || (event->buffers.size != 1U);
    seen->wrong += event->buffers.data[0] == 0;
    (*count)++;
}

STAI_NETWORK_CONTEXT_DECLARE(m_network, STAI_NETWORK_CONTEXT_SIZE)
STAI_NETWORK_CONTEXT_DECLARE(other, STAI_NETWORK_CONTEXT_SIZE)
STAI_ALIGNED(STAI_NETWORK_ACTIVATION_1_ALIGNMENT)
static uint8_t activations_1[STAI_NETWORK_ACTIVATION_1_SIZE_BYTES];
STAI_ALIGNED(8) static uint8_t own_in[STAI_NETWORK_IN_1_SIZE_BYTES], own_out[STAI_NETWORK_OUT_1_SIZE_BYTES];
static stai_ptr m_inputs[STAI_NETWORK_IN_NUM];
static stai_ptr m_outputs[STAI_NETWORK_OUT_NUM];
static stai_ptr m_acts[STAI_NETWORK_ACTIVATIONS_NUM];
#define REFUSED(call, code) do { if ((call) != (code)) { return __LINE__ & 127; } } while (0)

int main(void)
{
    static const int32_t shape[] = STAI_NETWORK_IN_1_SHAPE;
    static seen_t seen;
    stai_network_info info;
    stai_size count;
    uint32_t i;
    stai_ptr weights = (stai_ptr)(uintptr_t)g_network_weights_array;

    REFUSED(stai_runtime_init(), STAI_SUCCESS);
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_ERROR_NETWORK_INVALID_CONTEXT_HANDLE);
    REFUSED(stai_network_init(m_network), STAI_SUCCESS);
    m_acts[0] = (stai_ptr)activations_1;
    REFUSED(stai_network_set_activations(m_network, m_acts, STAI_NETWORK_ACTIVATIONS_NUM), STAI_SUCCESS);
    REFUSED(stai_network_get_activations(m_network, m_acts, &count), STAI_SUCCESS);
    REFUSED(stai_network_set_weights(m_network, &weights, STAI_NETWORK_WEIGHTS_NUM), STAI_SUCCESS);
    REFUSED(stai_network_get_inputs(m_network, m_inputs, &count), STAI_SUCCESS);
    REFUSED(stai_network_get_outputs(m_network, m_outputs, &count), STAI_SUCCESS);
    if (shape[1] != STAI_NETWORK_IN_1_HEIGHT || STAI_NETWORK_IN_1_FORMAT != STAI_FORMAT_FLOAT32) {
        return 1;
    }
    for (i = 0; i < STAI_NETWORK_IN_1_SIZE; i++) {
        ((float *)(void *)m_inputs[0])[i] = (float)i;
    }
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_SUCCESS);
    for (i = 0; i < STAI_NETWORK_OUT_1_SIZE; i++) {
        if (((float *)(void *)m_outputs[0])[i] != (float)i) {
            return 2;
        }
    }
    m_inputs[0] = own_in;
    m_outputs[0] = own_out;
    ((float *)(void *)own_in)[3] = 9.0F;
    REFUSED(stai_network_set_inputs(m_network, m_inputs, STAI_NETWORK_IN_NUM), STAI_SUCCESS);
    REFUSED(stai_network_set_outputs(m_network, m_outputs, STAI_NETWORK_OUT_NUM), STAI_SUCCESS);
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_SUCCESS);
    if (((float *)(void *)own_out)[3] != 9.0F) {
        return 3;
    }

    REFUSED(stai_network_get_error(m_network), STAI_SUCCESS);
    REFUSED(stai_network_set_inputs(m_network, m_inputs, 2), STAI_ERROR_NETWORK_INVALID_IN_NUM);
    REFUSED(stai_network_set_outputs(m_network, 0, 1), STAI_ERROR_NETWORK_INVALID_API_ARGUMENTS);
    REFUSED(stai_network_get_error(m_network), STAI_ERROR_NETWORK_INVALID_IN_NUM);
    m_inputs[0] = own_in + 4;
    REFUSED(stai_network_set_inputs(m_network, m_inputs, 1), STAI_ERROR_NETWORK_INVALID_BUFFER_ALIGNMENT);
    m_inputs[0] = 0;
    REFUSED(stai_network_set_inputs(m_network, m_inputs, 1), STAI_ERROR_NETWORK_INVALID_IN_PTR);
    REFUSED(stai_network_set_weights(m_network, m_acts, 1), STAI_ERROR_NETWORK_INVALID_WEIGHTS_PTR);
    REFUSED(stai_network_run(m_network, STAI_MODE_ASYNC), STAI_ERROR_NOT_IMPLEMENTED);
    REFUSED(stai_network_set_callback(m_network, on_event, &seen), STAI_SUCCESS);
    m_inputs[0] = own_in;
    REFUSED(stai_network_set_inputs(m_network, m_inputs, 1), STAI_SUCCESS);
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_SUCCESS);
    if (seen.starts != STAI_NETWORK_NODES_NUM || seen.stops != STAI_NETWORK_NODES_NUM || seen.wrong != 0) {
        return 5;
    }
    REFUSED(stai_network_set_callback(m_network, 0, 0), STAI_SUCCESS);
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_SUCCESS);
    if (seen.starts != STAI_NETWORK_NODES_NUM) {
        return 6;
    }
    REFUSED(stai_network_get_info(m_network, &info), STAI_SUCCESS);
    if (info.n_inputs != STAI_NETWORK_IN_NUM || info.inputs[0].size_bytes != STAI_NETWORK_IN_1_SIZE_BYTES ||
        info.inputs[0].shape.data[1] != shape[1] || info.outputs[0].format != STAI_NETWORK_OUT_1_FORMAT ||
        info.n_nodes != STAI_NETWORK_NODES_NUM || info.inputs[0].scale.size != 0 ||
        info.activations[0].size_bytes != STAI_NETWORK_ACTIVATIONS_SIZE_BYTES ||
        info.c_model_name[0] != 'n') {
        return 7;
    }
    REFUSED(stai_network_get_info(m_network, 0), STAI_ERROR_NETWORK_INVALID_INFO);
    REFUSED(stai_network_get_states(m_network, 0, &count), STAI_SUCCESS);
    REFUSED(stai_network_init(other), STAI_SUCCESS);
    REFUSED(stai_network_run(other, STAI_MODE_SYNC), STAI_ERROR_NETWORK_INVALID_ACTIVATIONS_PTR);
    REFUSED(stai_network_init(m_network + 4), STAI_ERROR_NETWORK_INVALID_CONTEXT_ALIGNMENT);
    REFUSED(stai_network_init(0), STAI_ERROR_NETWORK_INVALID_CONTEXT_HANDLE);
    REFUSED(stai_network_deinit(m_network), STAI_SUCCESS);
    REFUSED(stai_network_run(m_network, STAI_MODE_SYNC), STAI_ERROR_NETWORK_INVALID_CONTEXT_HANDLE);
    return (stai_network_get_context_size() == STAI_NETWORK_CONTEXT_SIZE) ? 0 : 4;
}
"""


def test_an_application_of_sts_tool(tmp_path: Path) -> None:
    need("gcc")
    graph = open_model(reshape(tmp_path / "r.onnx")).graph
    sources = emit_net_project(graph, "network", ABOUT, api="stai").sources()
    assert build_program({**sources, "application.c": APPLICATION}, sanitize=True).run() == b""


@pytest.mark.parametrize("core", ["", "cortex-m4", "cortex-m0plus"])
def test_the_same_numbers_come_out(tmp_path: Path, core: str) -> None:
    need("gcc")
    model = open_model(two(tmp_path / "two.onnx"))
    graph = model.graph
    sources = emit_net_project(graph, "network", ABOUT, api="stai").sources()
    ins, outs = ports(graph, graph.inputs), ports(graph, graph.outputs)
    program, given = Program("network", "stai", sources, ins, outs), spread(ins, 3)
    if core:
        need("arm-none-eabi-gcc", "qemu-system-arm")
    made = program.on_core(given, core) if core else program.on_host(given)
    assert parting("C", list(graph.outputs), one_by_one(model.graph, given), made) is None


def test_states_are_in_the_context() -> None:
    need("gcc")
    graph = memory()
    sources = emit_net_project(graph, "mem", ABOUT, api="stai").sources()
    # the flag would say that there are buffers of states to get
    assert "#define STAI_MEM_STATES_NUM 0" in sources["mem.h"]
    assert "STAI_FLAG_STATES" not in sources["mem.h"]
    program = Program("mem", "stai", sources, ports(graph, ("x",)), ports(graph, ("y",)))
    given = spread(program.inputs, 4)
    made = np.stack([call[0] for call in program.on_host(given)])
    assert np.array_equal(made[2:], given.arrays[0][:2].reshape(2, 4))
    assert not made[:2].any()
