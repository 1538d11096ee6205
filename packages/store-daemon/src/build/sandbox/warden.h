// The process that watches over one build.
#pragma once
#include "request.h"

/**
 * Runs a build to its end, with all that it started. Says on `report`, a line each: `started PID`, then one of
 * `exit STATUS`, `signal NUMBER`; or `failed REASON`, or `started PID` and `exec ERRNO`. When the other end of
 * `lifeline` closes, the build is killed. Negative: there is none.
 */
void watch_build(const struct request *request, int log, int report, int lifeline);
