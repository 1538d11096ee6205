// What a builder that shares the machine's network may not have of it.
#pragma once
#include <stdbool.h>

/** From now on this process and all that it makes have no sockets of the machine's own, but connected pairs; needs no_new_privs. */
bool refuse_local_sockets(void);
