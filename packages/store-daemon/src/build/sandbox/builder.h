// The process that becomes the builder.
#pragma once
#include "handover.h"
#include "sources.h"

struct beginning {
  // Complete, but for a handover: then it has what is the same for all builds of its kind.
  struct request *request;
  struct handover *handover;
  // The builder's output.
  int log;
  // Says with a byte that the request is there, and all that it has made outside; its end is the end of the build.
  int go;
  // Where sources are looked up; not in a user namespace.
  struct view machine;
  // Ours outside: in a new user namespace there is no way to ask any more.
  uid_t uid;
  gid_t gid;
};

/** Sets up the surroundings of a build, as far as that goes before it is told to go on, and becomes the builder. */
_Noreturn void become_builder(const struct beginning *beginning);
