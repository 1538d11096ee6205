// Makes the service's process, and reads what comes out of it.
#include "loop.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool carries_output(void) {
  return spec.log_file || spec.syslog || spec.journal;
}

static void become_service(int errors, int go, int to_log) {
  char byte;
  // Nothing is run before it is written down who runs: end of file means that it was not.
  if (read(go, &byte, 1) != 1) _exit(1);
  if (to_log >= 0) {
    dup2(to_log, 1);
    dup2(to_log, 2);
  }
  struct stage_failure failure = confine_and_execute(&spec);
  if (write(errors, &failure, sizeof failure) < 0) _exit(2);
  _exit(1);
}

/**
 * fork(), into the cgroup at once where the kernel can: to move there afterwards takes it ten milliseconds. Not after
 * a cgroup.kill: Linux from 6.14 on takes whoever is then born there for one of those who were to be killed.
 */
static pid_t fork_service(void) {
  int folder = spec.cgroup && !cgroup_was_killed ? open(spec.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (folder < 0) return fork();
  struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = folder};
  pid_t pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  close(folder);
  if (pid < 0) return fork();
  if (pid == 0) spec.cgroup = NULL;
  return pid;
}

/** One that is made again, or runs in the foreground, says it to nobody. */
static bool open_readiness(void) {
  int ends[2];
  if (spec.ready_fd <= 0 || ready || spec.foreground) return true;
  if (pipe2(ends, O_CLOEXEC) < 0) return false;
  readiness = ends[0], spec.ready_source = ends[1];
  return true;
}

/** Its own process must not have the low numbers that the service's descriptors will get. */
static bool lift(int *end) {
  int above = fcntl(*end, F_DUPFD_CLOEXEC, above_targets(&spec));
  if (above < 0) return false;
  close(*end);
  *end = above;
  return true;
}

enum { ENDS = 6 };

static bool open_pipes(int *errors, int *go, int *carried) {
  if (pipe2(errors, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) return false;
  if (carries_output() && pipe2(carried, O_CLOEXEC) < 0) return false;
  return lift(&errors[1]) && lift(&go[0]) && open_readiness();
}

/** It is tried again later, perhaps for days: nothing stays open of it. */
static bool not_made(const char *stage, const int *ends) {
  const int error = errno;
  for (int i = 0; i < ENDS; i++) if (ends[i] >= 0) close(ends[i]);
  tell("failed %s %d\n", stage, error);
  if (ready) note("cannot be made again: %s: %s", stage, strerror(error));
  return false;
}

bool make_service(void) {
  int ends[ENDS] = {-1, -1, -1, -1, -1, -1}, *errors = ends, *go = ends + 2, *carried = ends + 4;
  if (!open_pipes(errors, go, carried)) return not_made("pipe", ends);
  pid_t pid = fork_service();
  if (pid < 0) return not_made("fork", ends);
  if (pid == 0) {
    close(go[1]);
    become_service(errors[1], go[0], carried[1]);
  }
  close(errors[1]), close(go[0]);
  if (carried[1] >= 0) close(carried[1]);
  if (spec.ready_source >= 0) close(spec.ready_source), spec.ready_source = -1;
  service.pid = pid;
  service.start = start_time(pid);
  failures = errors[0];
  output = carried[0];
  if (output >= 0) fcntl(output, F_SETFL, O_NONBLOCK);
  started_at = now_ms();
  if (ready) {
    renew_records(&spec, &service);
  } else if (!prepare_records(&spec, &service)) {
    tell("failed record %d\n", errno);
    remove_records(&spec);
    // The end of `go` ends it.
    close(go[1]);
    return false;
  }
  tell("pid %d %llu\n", pid, service.start);
  bool gone = write(go[1], "g", 1) != 1;
  close(go[1]);
  return !gone;
}

void read_failures(void) {
  struct stage_failure failure;
  ssize_t length = read(failures, &failure, sizeof failure);
  if (length == (ssize_t)sizeof failure) {
    // Spaces would be read as fields.
    for (char *c = failure.stage; *c; c++) if (*c == ' ') *c = '_';
    tell("failed %s %d\n", failure.stage, failure.error);
    if (ready) note("cannot be made again: %s: %s", failure.stage, strerror(failure.error));
  } else if (length == 0) {
    tell("exec\n");
  } else if (errno == EINTR) {
    return;
  }
  close(failures);
  failures = -1;
}

bool read_readiness(void) {
  char text[512];
  ssize_t length = read(readiness, text, sizeof text);
  if (length < 0 && errno == EINTR) return false;
  bool said = length > 0 && memchr(text, '\n', length);
  // The end without it: the service has nothing more to say there.
  if (said || length <= 0) close(readiness), readiness = -1;
  return said;
}

void read_output(void) {
  static char bytes[1 << 16];
  ssize_t length;
  while (output >= 0 && (length = read(output, bytes, sizeof bytes)) != 0) {
    if (length < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (control_open && !ready) {
      tell("out %zd\n", length);
      for (ssize_t done = 0, n; done < length && (n = write(CONTROL, bytes + done, length - done)) > 0;) done += n;
    }
    log_bytes(bytes, length);
  }
  if (output >= 0) close(output);
  output = -1;
}
