// The keeper: the small program between the starter and a service. It makes the service's process, prepares and
// confines it, and says on the control channel what becomes of it. When nothing has to be kept (no restarts, no
// log to rotate) it leaves as soon as the service is ready; else it stays, in 0.4 MB, as the service's parent.
//
// Its arguments are descriptors: the control channel, the lock, then the listening sockets. It moves them to 3, 4, 5…;
// 0-2 are the service's.
//
// The starter writes the specification (see specification.c) and later one byte: 'r', the service is ready, unless the
// keeper is to see that itself (ready_fd, notify, reach). End of file before that means that the starter is gone, and the start
// is undone. The keeper answers in lines; after the last one it is ready and written down:
//   pid PID START    exec    failed STAGE ERRNO    exit STATUS    signal NUMBER    out LENGTH LF bytes    kept
#pragma once
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { CONTROL = 3, LOCK = 4, FIRST_SOCKET = 5 };
enum restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS };

struct limit {
  int resource;
  struct rlimit value;
};

struct specification {
  char **argv, **environment;
  int arguments, variables;
  /** `settles`: it is known to be ready by what answers, which may be about to go into the background. */
  bool foreground, replace, keep, settles;

  // Where and how it runs.
  char *root, *cwd, *cgroup, *oom_score;
  bool change_user, has_nice, no_new_privileges, bounded;
  uid_t uid;
  gid_t gid;
  gid_t groups[256];
  int group_count, nice;
  mode_t umask;
  uint64_t capabilities;
  struct limit limits[32];
  int limit_count;
  int sockets;
  /** Where the service says that it is ready, and in the keeper its own end of that, to be handed on; or 0 and -1. */
  int ready_fd, ready_source;
  char *notify;
  /** Where it is to answer: "/PATH" or "IP PORT". */
  char *reach[8];
  int reach_count;

  // What is written down about it.
  char *pidfile, *state, *state_fields;
  /** Of the REPL: prepared by the starter. */
  char *token;

  // How it is kept.
  enum restart restart;
  long restart_delay, restart_max_delay, restart_reset, restart_limit;
  int stop_signal;
  long stop_timeout, drain_timeout;

  // Where its output goes when the keeper carries it.
  char *log_file, *syslog, *journal, *tag;
  long long log_bytes, log_seconds;
  int log_files;
};

struct incarnation {
  pid_t pid;
  unsigned long long start;
  int restarts;
};

struct stage_failure {
  char stage[24];
  int error;
};

void read_specification(int fd, struct specification *spec);

/** Does what is left between fork and exec; returns only when a step failed, with the step's name and errno. */
struct stage_failure confine_and_execute(struct specification *spec);

/** The first number above those that the service's descriptors will have. */
int above_targets(const struct specification *spec);

/** What begins with field `number`, from 3 on, of /proc/PID/stat (proc(5)); NULL when it is gone. */
const char *read_stat(pid_t pid, int number, char *text, size_t size);
unsigned long long start_time(pid_t pid);
/** Writes pidfile and state under their names plus ".new"; false with errno. */
bool prepare_records(const struct specification *spec, const struct incarnation *service);
/** Puts them in place: a rename cannot fail for want of space. */
bool publish_records(const struct specification *spec);
/** For a service made again: prepare and publish, or on a full disk overwrite what is there. */
void renew_records(const struct specification *spec, const struct incarnation *service);
/** Removes them, unless they are about another incarnation by now. */
void remove_records(const struct specification *spec);

bool open_log(void);
/** False when it has to be tried again later. */
bool send_to_journal(const struct specification *spec, pid_t service, const char *text, size_t length);
int journal_descriptor(void);
void log_bytes(const char *bytes, size_t length);
/** What is still unwritten, the unfinished last line included; who reads it slowly is given a second. */
void finish_log(void);
void reopen_log(void);
/** Milliseconds until the log wants flush_log(); -1 for never. */
int log_timeout(void);
/** What it waits for besides: the descriptor to become writable; or -1. */
int log_descriptor(void);
void flush_log(bool has_room);

/** An abstract socket, so that it is seen from a chroot and leaves no file behind; -1 with errno. */
int open_notifications(const char *name);
/** Whether the owner, or root, has said READY=1: the kernel tells who sent it. */
bool read_notifications(int fd, uid_t owner);

/** Ends everything in the cgroup (may be NULL) and below the keeper. */
void sweep(const char *cgroup);
/** Whether it had to kill what was in the cgroup. */
extern bool cgroup_was_killed;

long long now_ms(void);
