"""C for detectors that learn on the device: state in the context, and what is called beside ``NAME_push``.

The work is done by ``runtime/anomaly/sa_learn.h`` and ``sa_blob.h``; the generated functions know the model's
sizes, its identity and what it starts with.
"""

from __future__ import annotations

from sensorai.codegen import literals
from sensorai.codegen.parts import CodeParts, LayerCost, table
from sensorai.errors import InternalError
from sensorai.model import knowledge
from sensorai.model.detector import Detector
from sensorai.model.learner import LEAST, floors, triangle
from sensorai.model.pipeline import Pipeline
from sensorai.writing import clang

#: Files that learning needs beside the kernel.
_RUNTIME = (
    *("anomaly/sa_blob.h", "anomaly/sa_crc.h", "anomaly/sa_gaussian.h", "anomaly/sa_learn.h"),
    *("features/sa_correlation.h", "features/sa_scan.h", "features/sa_wide.h"),
)


def emit_learner(pipeline: Pipeline) -> CodeParts:
    """Emit the model with its tables in the context, and the state that a context then has.

    ``static void NAME_model(const NAME_t *ctx, const int16_t *input, int32_t *score, uint8_t *arena)``:
    unlike other models it is given the context. The arena must hold what freezing needs, too.
    """
    if not isinstance(pipeline.model, Detector) or pipeline.scaling is None:
        raise InternalError("a pipeline that learns without a detector or a scaling")
    blob = knowledge.pack(knowledge.start(pipeline))
    name, d = pipeline.name, pipeline.inputs
    entries = d + triangle(d)
    return CodeParts(
        header=_fill(_HEADER, pipeline),
        source=_fill(_MODEL, pipeline, THRESHOLD=pipeline.model.threshold),
        definitions=(
            table("uint8_t", f"{name}_knowledge", list(blob)),
            table("uint8_t", f"{name}_least", floors(pipeline.scaling)),
        ),
        runtime=_RUNTIME,
        arena_bytes=4 * (triangle(d) + 3 * d),
        layers=(LayerCost("gaussian", entries, len(blob) + d, 2 * d),),
    )


def learner_functions(pipeline: Pipeline) -> str:
    """Return the public functions of learning, for ``NAME.c``."""
    return _fill(_FUNCTIONS, pipeline)


def learner_prototypes(pipeline: Pipeline) -> str:
    """Return their declarations, for ``NAME.h``."""
    return _fill(_PROTOTYPES, pipeline)


def knowledge_header(known: knowledge.Knowledge, name: str, prefix: str = "") -> str:
    """Return a header with saved knowledge as the array ``NAME``, for ``PREFIX_restore``."""
    blob = knowledge.pack(known)
    user = f"{prefix or 'NAME'}_restore"
    m = known.moments
    return (
        f"/* Knowledge of model {known.model:08X}: {m.windows} windows learnt, {m.count} of them count.\n"
        f" * Made by sensorai. Start a device with it after its init: {user}(&ctx, {name}) */\n"
        f"#ifndef {name.upper()}_H\n#define {name.upper()}_H\n\n#include <stdint.h>\n\n"
        + literals.array("uint8_t", name, list(blob))
        + f"\n#endif /* {name.upper()}_H */\n"
    )


def _fill(text: str, pipeline: Pipeline, **more: object) -> str:
    d = pipeline.inputs
    return clang.filled(
        text,
        ENTRIES=d + triangle(d),
        IDENTITY=f"0x{knowledge.model_id(pipeline):08X}U",
        LENGTH=knowledge.blob_bytes(d),
        FEWEST=LEAST * d,
        MACRO=pipeline.name.upper(),
        NAME=pipeline.name,
        **more,
    )


_HEADER = """#define MACRO_MODEL IDENTITY /* channels, rate, window, filters, features, scaling */
#define MACRO_LEAST_WINDOWS FEWEST /* that freezing needs */
#define MACRO_BLOB_BYTES LENGTH
#define MACRO_ERROR_FEW (-2)     /* too few windows were learnt */
#define MACRO_ERROR_FORMAT (-3)  /* no saved knowledge, or of another version */
#define MACRO_ERROR_MODEL (-4)   /* saved by another model */
#define MACRO_ERROR_DAMAGED (-5) /* saved knowledge with wrong bytes */

/* What is learnt: sums of inputs and of their products, and the tables that windows are judged by. */
typedef struct {
    int32_t moment[ENTRIES];
    uint32_t windows; /* learnt in all */
    int16_t table[ENTRIES];
    uint16_t count; /* windows that count: older ones fade */
    uint8_t frozen; /* 1: tables were made of what was learnt */
    uint8_t shift[MACRO_INPUTS];
} NAME_knowledge_t;
"""

_MODEL = """static void NAME_model(const NAME_t *ctx, const int16_t *input, int32_t *score, uint8_t *arena)
{
    const NAME_knowledge_t *know = &ctx->knowledge;
    int16_t u[MACRO_INPUTS];

    (void)arena;
    score[0] = THRESHOLD;
    score[1] = sa_gaussian(input, know->table, &know->table[MACRO_INPUTS], know->shift, 0, MACRO_INPUTS, u,
                           INT32_MAX);
}"""

_FUNCTIONS = """int NAME_detect(NAME_t *ctx, const int16_t sample[MACRO_CHANNELS], NAME_result_t *result)
{
    return NAME_push(ctx, sample, result);
}

int NAME_learn(NAME_t *ctx, const int16_t sample[MACRO_CHANNELS])
{
    NAME_in_t input;

    if (ctx == 0 || sample == 0) {
        return MACRO_ERROR_ARGUMENT;
    }
    if (NAME_take(ctx, sample) == 0) {
        return 0;
    }
    NAME_prepare(ctx, &input);
    sa_learn_window(ctx->knowledge.moment, &ctx->knowledge.windows, &ctx->knowledge.count, input.value,
                    MACRO_INPUTS);
    ctx->windows++;
    NAME_advance(ctx);
    return 1;
}

int NAME_forget(NAME_t *ctx)
{
    uint32_t i;

    if (ctx == 0) {
        return MACRO_ERROR_ARGUMENT;
    }
    for (i = 0; i < ENTRIESU; i++) {
        ctx->knowledge.moment[i] = 0;
    }
    ctx->knowledge.windows = 0;
    ctx->knowledge.count = 0;
    return 0;
}

int NAME_freeze(NAME_t *ctx)
{
    NAME_knowledge_t *know;

    if (ctx == 0) {
        return MACRO_ERROR_ARGUMENT;
    }
    know = &ctx->knowledge;
    if (sa_learn_freeze(know->moment, know->count, NAME_least, MACRO_INPUTS, know->table, know->shift,
                        ctx->arena) != 0) {
        return MACRO_ERROR_FEW;
    }
    know->frozen = 1;
    return 0;
}

int NAME_save(const NAME_t *ctx, uint8_t blob[MACRO_BLOB_BYTES])
{
    const NAME_knowledge_t *know;

    if (ctx == 0 || blob == 0) {
        return MACRO_ERROR_ARGUMENT;
    }
    know = &ctx->knowledge;
    sa_blob_save(blob, MACRO_MODEL, MACRO_INPUTS, know->frozen, know->windows, know->count, know->moment,
                 know->table, know->shift);
    return 0;
}

int NAME_restore(NAME_t *ctx, const uint8_t blob[MACRO_BLOB_BYTES])
{
    NAME_knowledge_t *know;
    int found;

    if (ctx == 0 || blob == 0) {
        return MACRO_ERROR_ARGUMENT;
    }
    found = sa_blob_check(blob, MACRO_MODEL, MACRO_INPUTS);
    if (found != 0) {
        return (found == SA_BLOB_FORMAT)  ? MACRO_ERROR_FORMAT
               : (found == SA_BLOB_MODEL) ? MACRO_ERROR_MODEL
                                          : MACRO_ERROR_DAMAGED;
    }
    know = &ctx->knowledge;
    sa_blob_load(blob, MACRO_INPUTS, &know->frozen, &know->windows, &know->count, know->moment, know->table,
                 know->shift);
    return 0;
}
"""

_PROTOTYPES = """/* Learning. A sample is given either to NAME_detect or to NAME_learn; both fill the same
 * window, and the window belongs to the one that is given its last sample. */

/* The same as NAME_push. */
int NAME_detect(NAME_t *ctx, const int16_t sample[MACRO_CHANNELS], NAME_result_t *result);

/* 1: a window was learnt, 0: not yet, below 0: error. What is judged does not change before NAME_freeze. */
int NAME_learn(NAME_t *ctx, const int16_t sample[MACRO_CHANNELS]);

/* Forget all windows, to learn from the first again; what is judged does not change. */
int NAME_forget(NAME_t *ctx);

/* Judge by what was learnt from now on; MACRO_ERROR_FEW for fewer than MACRO_LEAST_WINDOWS windows, and
 * nothing changes. Not fast: once, not in every window. */
int NAME_freeze(NAME_t *ctx);

/* All that was learnt as bytes, and back. An error of NAME_restore leaves the context as it was. */
int NAME_save(const NAME_t *ctx, uint8_t blob[MACRO_BLOB_BYTES]);
int NAME_restore(NAME_t *ctx, const uint8_t blob[MACRO_BLOB_BYTES]);
"""
