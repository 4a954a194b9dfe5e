/* sensorai: how far an autoencoder's output is from its input. */
#ifndef SA_DIFFERENCE_H
#define SA_DIFFERENCE_H

#include <stdint.h>

/* Sum of squared differences, saturated to int32; both hold values of int8. */
static inline int32_t sa_difference(const int8_t *input, const int32_t *made, uint32_t count)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < count; i++) {
        int32_t u = input[i] - made[i];

        sum += (uint32_t)(u * u);
        if (sum > (uint32_t)INT32_MAX) {
            return INT32_MAX;
        }
    }
    return (int32_t)sum;
}

#endif
