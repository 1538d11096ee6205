// Watches over one build: makes its first process, waits for its end, and leaves nothing of it alive.
#define _GNU_SOURCE
#include "warden.h"
#include "build-root.h"
#include "builder.h"
#include "remove-tree.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(int report, const char *format, ...) {
  char text[PATH_MAX + 256];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  // Whoever would read it has died: then so do we, soon.
  if (write(report, text, (size_t)length < sizeof text ? (size_t)length : sizeof text) < 0) return;
}

/** Kills every process of a build user. Only as that user itself can it be none of anybody else. */
static void kill_user(uid_t uid) {
  if (uid == 0) return;
  pid_t pid = fork();
  if (pid == 0) {
    if (setresuid(uid, uid, uid) < 0 || getuid() != uid || geteuid() != uid) _exit(1);
    // The kernel keeps new processes from being made while it goes through the list: once is enough.
    kill(-1, SIGKILL);
    _exit(0);
  }
  while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

/** Kills what the builder left: as the reaper of all orphans below us we find them among our children. */
static void kill_orphans(void) {
  char path[64], list[1 << 16];
  snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
  // Those whose parent dies become our children, and are seen in the next round.
  do {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, list, sizeof list - 1);
    if (fd >= 0) close(fd);
    list[length > 0 ? length : 0] = 0;
    char *at = list, *end;
    for (pid_t pid; (pid = strtol(at, &end, 10)) > 0; at = end) kill(pid, SIGKILL);
  } while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

/** Reads what the new process says before it becomes the builder: nothing, if all is well. */
static ssize_t read_failure(int fd, char *text, size_t size) {
  size_t length = 0;
  for (ssize_t count; length < size - 1 && (count = read(fd, text + length, size - 1 - length)) != 0;) {
    if (count > 0) length += count;
    else if (errno != EINTR) break;
  }
  text[length] = 0;
  return length;
}

/** Reads what the lifeline says: false once nothing more will come. */
static bool take_word(int lifeline, bool *leave) {
  char word;
  ssize_t count = read(lifeline, &word, 1);
  if (count == 1 && word == LEAVE_ALL) *leave = true;
  return count == 1 || (count < 0 && errno == EINTR);
}

/** Its status once it has ended; anything that the lifeline says kills it. */
static int wait_for_end(pid_t pid, int pidfd, int *lifeline, bool *leave) {
  int status;
  struct pollfd watched[] = {{.fd = pidfd, .events = POLLIN}, {.fd = *lifeline, .events = POLLIN}};
  while (poll(watched, 2, -1) < 0 || watched[0].revents == 0) {
    if (watched[1].revents == 0) continue;
    kill(pid, SIGKILL);
    if (!take_word(*lifeline, leave)) *lifeline = watched[1].fd = -1;
    watched[1].revents = 0;
  }
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

static void clean_up(const struct request *request) {
  // The end of a process namespace's first process is the end of all of them.
  if (!(request->namespaces & CLONE_NEWPID)) kill_orphans();
  if (request->has_user && !(request->namespaces & CLONE_NEWUSER)) kill_user(request->uid);
}

static size_t outside_made;

/** Whether one of the steps that were taken made it. */
static bool is_made(const struct request *request, const char *path) {
  for (size_t i = 0; i < outside_made; i++) {
    const char *step = request->outside[i];
    size_t length = strlen(step), own = strlen(path);
    if (length > own && step[length - own - 1] == ' ' && strcmp(step + length - own, path) == 0) return true;
  }
  return false;
}

static void remove_all(const struct request *request) {
  for (char **path = request->removed; *path; path++)
    if (is_made(request, *path)) remove_tree(*path);
}

/** Runs it; whether all of it may stay where it is. */
static bool run_build(const struct request *request, int *log, int report, int *lifeline) {
  int errors[2], pidfd = -1;
  char failure[PATH_MAX + 256];
  bool leave = false;
  const char *step = make_outside(request, &outside_made);
  if (step) return say(report, "failed creating `%s': %s\n", step, strerror(errno)), false;
  if (pipe2(errors, O_CLOEXEC) < 0) return say(report, "failed pipe: %s\n", strerror(errno)), false;
  const unsigned long flags = request->namespaces | CLONE_PIDFD | SIGCHLD;
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  pid_t pid = syscall(SYS_clone, flags, NULL, &pidfd, NULL, 0);
  if (pid < 0) return say(report, "failed making namespaces: %s\n", strerror(errno)), false;
  if (pid == 0) {
    failures = errors[1];
    become_builder(request, *log, uid, gid);
  }
  close(errors[1]);
  // The log ends when the last process of the build has ended.
  close(*log), *log = -1;
  ssize_t length = read_failure(errors[0], failure, sizeof failure);
  close(errors[0]);
  if (length == 0 || strncmp(failure, "exec", 4) == 0) say(report, "started %d\n", pid);
  int status = wait_for_end(pid, pidfd, lifeline, &leave);
  clean_up(request);
  if (length > 0) say(report, "%s", failure);
  else if (WIFEXITED(status)) say(report, "exit %d\n", WEXITSTATUS(status));
  else say(report, "signal %d\n", WTERMSIG(status));
  return leave;
}

void watch_build(const struct request *request, int log, int report, int lifeline) {
  const bool is_watched = lifeline >= 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (request->has_user && !(request->namespaces & CLONE_NEWUSER)) kill_user(request->uid);
  bool leave = run_build(request, &log, report, &lifeline);
  if (log >= 0) close(log);
  while (lifeline >= 0 && take_word(lifeline, &leave)) {
  }
  if (is_watched && !leave) remove_all(request);
}
