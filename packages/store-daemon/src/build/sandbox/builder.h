// The process that becomes the builder.
#pragma once
#include "request.h"

/**
 * Sets up the surroundings of the build and becomes the builder, whose output goes to `log`. `uid` and `gid` are ours
 * outside: in a new user namespace there is no way to ask any more.
 */
_Noreturn void become_builder(const struct request *request, int log, uid_t uid, gid_t gid);
