// A request for processes that are there before it is.
#pragma once
#include "request.h"

#define MAX_HANDOVER (256u << 10)

/** In memory that those who share it have been forked with. */
struct handover {
  size_t length;
  char bytes[MAX_HANDOVER];
};

/** NULL when there is no memory. */
struct handover *make_handover(void);

void drop_handover(struct handover *handover);

/** Each reader takes it apart on its own; false when it is malformed. */
bool read_handover(const struct handover *handover, struct request *request);
