// Watches over one build: makes its first process, waits for its end, and leaves nothing of it alive.
#define _GNU_SOURCE
#include "warden.h"
#include "build-root.h"
#include "builder.h"
#include "outside.h"
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

/** Starts to kill every process of a build user. Only as that user itself can it be none of anybody else. */
static pid_t start_killer(const struct request *request) {
  const uid_t uid = request->uid;
  if (!request->has_user || request->namespaces & CLONE_NEWUSER || uid == 0) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    if (setresuid(uid, uid, uid) < 0 || getuid() != uid || geteuid() != uid) _exit(1);
    // The kernel keeps new processes from being made while it goes through the list: once is enough.
    kill(-1, SIGKILL);
    _exit(0);
  }
  return pid;
}

static void wait_for_killer(pid_t pid) {
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
  wait_for_killer(start_killer(request));
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

/** The first process of a build, and our ends of the pipes to it. */
struct child {
  pid_t pid;
  int pidfd, errors, go;
};

/** Returns what failed, or NULL. */
static const char *start_child(const struct watch *watch, struct child *child) {
  int errors[2], go[2];
  struct beginning beginning = {.request = watch->request, .handover = watch->handover, .log = watch->log,
                                .uid = geteuid(), .gid = getegid()};
  const unsigned long flags = watch->request->namespaces;
  if (watch->request->root && !(flags & CLONE_NEWUSER) && !open_view(&beginning.machine)) return "opening /proc";
  if (pipe2(errors, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) return "pipe";
  child->pid = syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, &child->pidfd, NULL, 0);
  if (child->pid < 0) return "making namespaces";
  if (child->pid == 0) {
    failures = errors[1], beginning.go = go[0];
    close(go[1]);
    become_builder(&beginning);
  }
  close(errors[1]), close(go[0]);
  child->errors = errors[0], child->go = go[1];
  return NULL;
}

/** Waits for the rest of the request; false when there will be none. */
static bool take_request(const struct watch *watch) {
  char word;
  ssize_t count;
  while ((count = read(watch->lifeline, &word, 1)) < 0 && errno == EINTR) {
  }
  if (count != 1 || word != GO_ON) return false;
  return read_handover(watch->handover, watch->request) && is_complete(watch->request);
}

/** Makes what is outside, while nobody is left of whoever was this user before. */
static const char *prepare(const struct request *request) {
  pid_t killer = start_killer(request);
  const char *step = make_outside(request, &outside_made);
  const int failure = errno;
  wait_for_killer(killer);
  errno = failure;
  return step;
}

static void stop_child(const struct child *child) {
  kill(child->pid, SIGKILL);
  while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
  }
}

/** Runs it; whether all of it may stay where it is. */
static bool run_child(struct watch *watch, struct child *child) {
  char failure[PATH_MAX + 256];
  bool leave = false;
  const int report = watch->report;
  // Taking a namespace down takes time, which is not the build's: it stays until it has been told how the build ended.
  snprintf(failure, sizeof failure, "/proc/%d/ns/mnt", child->pid);
  const int mounts = open(failure, O_RDONLY | O_CLOEXEC);
  // It may have failed already, and says so.
  if (write(child->go, "", 1) < 0 && errno != EPIPE) return say(report, "failed pipe: %s\n", strerror(errno)), false;
  close(child->go);
  ssize_t length = read_failure(child->errors, failure, sizeof failure);
  close(child->errors);
  if (length == 0 || strncmp(failure, "exec", 4) == 0) say(report, "started %d\n", child->pid);
  int status = wait_for_end(child->pid, child->pidfd, &watch->lifeline, &leave);
  clean_up(watch->request);
  if (length > 0) say(report, "%s", failure);
  else if (WIFEXITED(status)) say(report, "exit %d\n", WEXITSTATUS(status));
  else say(report, "signal %d\n", WTERMSIG(status));
  close(mounts);
  return leave;
}

static bool run_build(struct watch *watch) {
  struct child child;
  const char *failed = start_child(watch, &child);
  // The log ends when the last process of the build has ended.
  close(watch->log);
  if (failed) return say(watch->report, "failed %s: %s\n", failed, strerror(errno)), false;
  if (watch->handover && !take_request(watch)) return stop_child(&child), false;
  failed = prepare(watch->request);
  if (!failed) return run_child(watch, &child);
  say(watch->report, "failed creating `%s': %s\n", failed, strerror(errno));
  stop_child(&child);
  return false;
}

void watch_build(struct watch *watch) {
  const bool is_watched = watch->lifeline >= 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  bool leave = run_build(watch);
  while (watch->lifeline >= 0 && take_word(watch->lifeline, &leave)) {
  }
  if (is_watched && !leave) remove_all(watch->request);
}
