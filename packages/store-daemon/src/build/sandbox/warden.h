// The process that watches over one build.
#pragma once
#include "handover.h"

enum { KILL_BUILD = 'K', LEAVE_ALL = 'L', GO_ON = 'G' };

struct watch {
  struct request *request;
  // NULL: the request is complete. Else it is of a kind that builds share, and GO_ON on the lifeline says that the rest
  // is in the handover.
  struct handover *handover;
  int log, report, lifeline;
};

/**
 * Runs a build to its end, with all that it started. Says on `report`, a line each: `started PID`, then one of
 * `exit STATUS`, `signal NUMBER`; or `failed REASON`, or `started PID` and `exec ERRNO`. On `lifeline`, KILL_BUILD ends
 * the build, and LEAVE_ALL keeps what would be removed. When its other end closes, the build is ended and removed;
 * that is what is waited for. Negative: there is none, and nothing is removed at the end.
 */
void watch_build(struct watch *watch);
