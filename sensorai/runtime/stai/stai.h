/* Types and codes that applications of the st-ai interface use. Written from what is published of that
 * interface, for projects of sensorai; none of it is ST's. */
#ifndef SA_STAI_H
#define SA_STAI_H

#include <stddef.h>
#include <stdint.h>

#define STAI_API_ENTRY
#define STAI_UNUSED(x) (void)(x);
#define STAI_CONTEXT_ALIGNMENT 8

#if defined(__GNUC__)
#define STAI_ALIGNED(bytes) __attribute__((aligned(bytes)))
#else
#define STAI_ALIGNED(bytes)
#endif

/* The memory of one instance; without a semicolon behind it. */
#define STAI_NETWORK_CONTEXT_DECLARE(name, size) \
    STAI_ALIGNED(STAI_CONTEXT_ALIGNMENT) static stai_network name[size];

typedef uint8_t stai_network;
typedef uint8_t *stai_ptr;
typedef uint32_t stai_size;

typedef enum {
    STAI_MODE_SYNC = 0x1,
    STAI_MODE_ASYNC = 0x2
} stai_run_mode;

typedef enum {
    STAI_SUCCESS = 0,
    STAI_RUNNING_NO_WFE = 0x10,
    STAI_RUNNING_WFE = 0x11,
    STAI_DONE = 0x12,
    STAI_ERROR_GENERIC = 0x020000,
    STAI_ERROR_NETWORK_INVALID_API_ARGUMENTS = 0x020001,
    STAI_ERROR_NOT_IMPLEMENTED = 0x020002,
    STAI_ERROR_NETWORK_INVALID_CONTEXT_HANDLE = 0x030000,
    STAI_ERROR_NETWORK_INVALID_CONTEXT_ALIGNMENT = 0x030001,
    STAI_ERROR_NETWORK_INVALID_RUN = 0x040000,
    STAI_ERROR_NETWORK_INVALID_ACTIVATIONS_PTR = 0x040010,
    STAI_ERROR_NETWORK_INVALID_ACTIVATIONS_NUM = 0x040011,
    STAI_ERROR_NETWORK_INVALID_IN_PTR = 0x040020,
    STAI_ERROR_NETWORK_INVALID_IN_NUM = 0x040021,
    STAI_ERROR_NETWORK_INVALID_OUT_PTR = 0x040030,
    STAI_ERROR_NETWORK_INVALID_OUT_NUM = 0x040031,
    STAI_ERROR_NETWORK_INVALID_STATES_PTR = 0x040040,
    STAI_ERROR_NETWORK_INVALID_STATES_NUM = 0x040041,
    STAI_ERROR_NETWORK_INVALID_WEIGHTS_PTR = 0x040050,
    STAI_ERROR_NETWORK_INVALID_WEIGHTS_NUM = 0x040051,
    STAI_ERROR_NETWORK_INVALID_BUFFER_ALIGNMENT = 0x040060,
    STAI_ERROR_NETWORK_INVALID_CALLBACK = 0x040070,
    STAI_ERROR_NETWORK_INVALID_INFO = 0x040080
} stai_return_code;

/* Properties of buffers, and of a network. */
#define STAI_FLAG_NONE 0x0U
#define STAI_FLAG_PREALLOCATED (1U << 0)
#define STAI_FLAG_INDIRECT (1U << 1)
#define STAI_FLAG_REPLACEABLE (1U << 2)
#define STAI_FLAG_OVERRIDE (1U << 3)
#define STAI_FLAG_CHANNEL_FIRST (1U << 6)
#define STAI_FLAG_CHANNEL_LAST (1U << 7)
#define STAI_FLAG_HAS_BATCH (1U << 8)
#define STAI_FLAG_ACTIVATIONS (1U << 26)
#define STAI_FLAG_INPUTS (1U << 27)
#define STAI_FLAG_OUTPUTS (1U << 28)
#define STAI_FLAG_STATES (1U << 29)
#define STAI_FLAG_WEIGHTS (1U << 30)

/* Formats: bits 0 to 6 fraction + 64, 7 to 13 all, 17 to 20 type, 23 sign. */
#define STAI_FORMAT_FLOAT32 0x00821040
#define STAI_FORMAT_FLOAT64 0x00822040
#define STAI_FORMAT_U8 0x00040440
#define STAI_FORMAT_S8 0x00840440
#define STAI_FORMAT_U16 0x00040840
#define STAI_FORMAT_S16 0x00840840
#define STAI_FORMAT_U32 0x00041040
#define STAI_FORMAT_S32 0x00841040
#define STAI_FORMAT_U64 0x00042040
#define STAI_FORMAT_S64 0x00842040
#define STAI_FORMAT_BOOL 0x00060440

typedef int32_t stai_event_type;
typedef void (*stai_event_cb)(void *cookie, const stai_event_type type, const void *payload);

/* Before and after every node; the payload says which, and where its inputs or outputs lie. */
#define STAI_EVENT_NONE 0x00
#define STAI_EVENT_NODE_START 0x01
#define STAI_EVENT_NODE_STOP 0x02

typedef struct {
    stai_size size;
    stai_ptr const *data;
} stai_array_const_ptr;

typedef struct {
    int32_t node_id;
    stai_array_const_ptr buffers;
} stai_event_node_start_stop;

/* What a network says of itself. */
typedef int32_t stai_flags;
typedef int32_t stai_format;

typedef struct {
    stai_size size;
    const int32_t *data;
} stai_array_s32;

typedef struct {
    stai_size size;
    const int16_t *data;
} stai_array_s16;

typedef struct {
    stai_size size;
    const float *data;
} stai_array_f32;

typedef stai_array_s32 stai_shape;

typedef struct {
    uint8_t major;
    uint8_t minor;
    uint8_t micro;
    uint8_t reserved;
} stai_version;

typedef struct {
    stai_size size_bytes;
    stai_flags flags;
    stai_format format;
    stai_shape shape;
    stai_array_f32 scale;
    stai_array_s16 zeropoint;
    const char *name;
} stai_tensor;

typedef struct {
    const char *model_signature;
    const char *c_compile_datetime;
    const char *c_model_name;
    const char *c_model_datetime;
    uint32_t c_model_signature;
    stai_version runtime_version;
    stai_version tool_version;
    stai_version api_version;
    uint64_t n_macc;
    uint32_t n_nodes;
    int32_t flags;
    uint16_t n_inputs;
    uint16_t n_outputs;
    uint16_t n_activations;
    uint16_t n_weights;
    uint16_t n_states;
    const stai_tensor *inputs;
    const stai_tensor *outputs;
    const stai_tensor *activations;
    const stai_tensor *weights;
    const stai_tensor *states;
} stai_network_info;

/* Nothing has to be started: the C of a network needs no runtime. */
static inline stai_return_code stai_runtime_init(void)
{
    return STAI_SUCCESS;
}

static inline stai_return_code stai_runtime_deinit(void)
{
    return STAI_SUCCESS;
}

#endif
