// Starting the processes that watch over builds.
#pragma once
#include "handover.h"

// 3 says by its being open that builds may still run: it is inherited, and closed by nothing but exec and exit.
enum { LIFETIME_FD = 3 };

/** Our side of one. */
struct warden {
  pid_t pid;
  int log, report, lifeline;
  // Of one that was started before its request; else NULL.
  struct handover *handover;
};

/** False, with errno, when there can be no more processes. */
bool launch_warden(const char *bytes, size_t length, struct warden *warden);

/** The same, of what a kind of request shares. */
bool launch_spare(const char *kind, size_t length, struct warden *warden);

/** Gives a spare its request. */
void hand_over(struct warden *warden, const char *bytes, size_t length);

/** Ends a spare that nobody has wanted. */
void drop_spare(struct warden *warden);
