/* Events of nodes, for applications of the st-ai interface that include this file: all of it is in stai.h. */
#ifndef SA_STAI_EVENTS_H
#define SA_STAI_EVENTS_H

#include "stai.h"

#endif
