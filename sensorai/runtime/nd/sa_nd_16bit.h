/* The net is for a core with products of two 16-bit numbers alone: its compiler calls functions for those of 32
 * and 64 bits and for divisions, as that of the ISPU does. Its name puts this file before all kernels. */
#ifndef SA_ND_16BIT_H
#define SA_ND_16BIT_H

#define SA_ND_SHORT 1

#endif
