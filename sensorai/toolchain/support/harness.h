/* Bytes in, bytes out, and marks around what is to be counted: the same on the host and in QEMU. */
#ifndef SENSORAI_HARNESS_H
#define SENSORAI_HARNESS_H

#include <stdint.h>

/* Takes up to `bytes` bytes of the input; returns how many there were. */
uint32_t harness_read(void *to, uint32_t bytes);

/* Appends to the output. */
void harness_write(const void *from, uint32_t bytes);

/* Around one call: the instructions between the two are counted (emulator, QEMU); nothing happens on the
   host. */
void harness_begin(void);
void harness_end(void);

#endif
