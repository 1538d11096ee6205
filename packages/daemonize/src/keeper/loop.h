// What the keeper's loop (keeper.c) shares with its making of the service (spawn.c) and its words (say.c).
#pragma once
#include "keeper.h"

extern struct specification spec;
extern struct incarnation service;
/** The service's output when it is carried, where its process says that it could not be prepared, and where it says
 * itself that it is ready; or -1. */
extern int output, failures, readiness;
extern bool control_open, ready;
extern long long started_at;

/** False when the service could not even be made or written down. */
bool make_service(void);
void read_failures(void);
void read_output(void);
/** Whether it has said so: the notification descriptor of s6 (notifywhenup), where a line end says it. */
bool read_readiness(void);

/** Whether somebody answers already where the service is to be ready. */
bool is_occupied(void);
/** Goes on asking; true once, when it answers. */
bool look_reached(void);
/** What look_reached() waits for: a descriptor to become writable, or -1, and a time, or 0. */
int reach_descriptor(void);
long long reach_due(void);

/** Whether the process that is known to answer will not end by going into the background. */
bool is_staying(pid_t pid);
bool is_runnable(pid_t pid);
/** Nanoseconds that it has had a processor; -1 where the kernel does not count them. */
long long run_time(pid_t pid);

/** A line to the starter, while there is one. */
void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A line for the log, or in the foreground for the terminal. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
