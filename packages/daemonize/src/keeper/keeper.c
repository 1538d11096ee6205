// The loop of the keeper: makes the service, watches it, makes it again when it should, ends it when told to.
#include "loop.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/**
 * For the first process of a program that goes into the background to end, once it listens; and how long that may take
 * where others have the processors, so that it could not run.
 */
enum { SETTLE_MS = 20, STARVED_MS = 2000 };

struct specification spec;
struct incarnation service;
int output = -1, failures = -1, readiness = -1;
bool control_open = true, ready;
long long started_at;

static int signals = -1, notifications = -1, quick_failures;
static bool stopping;
static long long kill_at, respawn_at, settled_by, ran_before;

long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void leave(int status) {
  finish_log();
  // One with others inside is removed by the next command.
  if (spec.cgroup && !service.pid && rmdir(spec.cgroup) < 0) errno = 0;
  _exit(status);
}

/** `patience`: milliseconds until it is killed; 0 for those of the configuration. */
static void stop_service(int number, int patience) {
  // Whoever asks again and again makes it no longer.
  const bool drains = number == SIGUSR2 && number != spec.stop_signal;
  if (!stopping) kill_at = now_ms() + (patience > 0 ? patience : spec.stop_timeout + (drains ? spec.drain_timeout : 0));
  stopping = true;
  if (service.pid) {
    kill(service.pid, number);
    kill(service.pid, SIGCONT);
  }
}

/** It ended by itself, and well (systemd.service(5), Restart=). */
static bool ended_cleanly(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status) == 0;
  int number = WTERMSIG(status);
  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGPIPE;
}

static void give_up(bool clean) {
  if (clean) remove_records(&spec);
  leave(clean ? 0 : 1);
}

static void plan_respawn(bool clean, bool has_lived) {
  if (spec.restart == RESTART_NO || (spec.restart == RESTART_ON_FAILURE && clean)) give_up(clean);
  quick_failures = has_lived ? 0 : quick_failures + 1;
  if (spec.restart_limit > 0 && quick_failures > spec.restart_limit) {
    note("ended %d times in a row: given up", quick_failures);
    give_up(false);
  }
  // The first is made again at once, the following ones ever later.
  long delay = quick_failures == 0 ? 0 : spec.restart_delay;
  for (int n = 1; n < quick_failures && delay < spec.restart_max_delay; n++) delay *= 2;
  if (delay > spec.restart_max_delay) delay = spec.restart_max_delay;
  respawn_at = now_ms() + delay;
}

static void on_end(int status) {
  if (failures >= 0) read_failures();
  read_output();
  service.pid = 0;
  if (!ready && WIFEXITED(status)) tell("exit %d\n", WEXITSTATUS(status));
  if (!ready && WIFSIGNALED(status)) tell("signal %d\n", WTERMSIG(status));
  sweep(spec.cgroup);
  read_output();
  if (!ready || stopping) {
    remove_records(&spec);
    leave(ready ? 0 : 1);
  }
  service.restarts++;
  plan_respawn(ended_cleanly(status), now_ms() - started_at >= spec.restart_reset);
}

static void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
    if (pid == service.pid) on_end(status);
}

static void read_signals(void) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
    const int number = info.ssi_signo, patience = info.ssi_code == SI_QUEUE ? info.ssi_int : 0;
    if (number == SIGCHLD) reap();
    else if (number == SIGTERM || number == SIGINT || number == SIGQUIT) stop_service(spec.stop_signal, patience);
    // To a server of sites that has a successor: it may take its time.
    else if (number == SIGUSR2 && !spec.foreground) stop_service(number, patience);
    else {
      if (number == SIGHUP) reopen_log();
      if (spec.foreground && service.pid) kill(service.pid, number);
    }
  }
  if (stopping && !service.pid) {
    remove_records(&spec);
    leave(0);
  }
}

/** What was run to start is not run again soon: its pages go back, and come again when they are needed. */
static void rest(void) {
  extern char __executable_start, etext;
  const uintptr_t page = 4095, start = ((uintptr_t)&__executable_start + page) & ~page;
  madvise((void *)start, (uintptr_t)&etext - start, MADV_DONTNEED);
}

/** It is ready. What cannot be written down does not stay. */
static void confirm(void) {
  if (!publish_records(&spec)) {
    tell("failed record %d\n", errno);
    stop_service(spec.stop_signal, 0);
    return;
  }
  ready = true;
  tell("kept\n");
  // Whoever waits for that need not wait for the end of this process too.
  sched_yield();
  if (!spec.keep) leave(0);
  close(CONTROL), close(LOCK);
  control_open = false;
  rest();
}

/** Whoever is seen from outside to answer is ready once it is seen to stay. */
static void begin_to_confirm(void) {
  if (!spec.settles) return confirm();
  settled_by = now_ms() + SETTLE_MS;
  ran_before = run_time(service.pid);
}

static bool had_time(void) {
  const long long late = now_ms() - settled_by;
  if (late < 0 || late >= STARVED_MS) return late >= 0;
  if (ran_before < 0 || !is_runnable(service.pid)) return true;
  return run_time(service.pid) - ran_before >= SETTLE_MS * 1000000LL;
}

static void look_settled(void) {
  if (!settled_by || ready || stopping || !service.pid) return;
  if (!had_time() && !is_staying(service.pid)) return;
  settled_by = 0;
  confirm();
}

static void read_control(void) {
  char byte;
  ssize_t length = read(CONTROL, &byte, 1);
  if (length < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (length == 1 && byte == 'r') return begin_to_confirm();
  // The starter is gone or has changed its mind: what was not said to be ready is undone.
  control_open = false;
  stop_service(spec.stop_signal, 0);
}

static int timeout(void) {
  long long now = now_ms(), next = -1;
  const long long times[] = {kill_at, respawn_at, reach_due(), settled_by ? now + 1 : 0};
  for (int i = 0; i < 4; i++)
    if (times[i] && (next < 0 || times[i] < next)) next = times[i];
  int log = log_timeout();
  if (next < 0) return log;
  int left = next > now ? next - now : 0;
  return log >= 0 && log < left ? log : left;
}

static void do_what_is_due(bool log_has_room) {
  long long now = now_ms();
  if (kill_at && now >= kill_at) {
    kill_at = 0;
    if (service.pid) kill(service.pid, SIGKILL);
  }
  if (respawn_at && now >= respawn_at) {
    respawn_at = 0;
    if (!make_service()) plan_respawn(false, false);
  }
  flush_log(log_has_room);
}

static void keep(void) {
  for (;;) {
    struct pollfd ready_for[] = {
      {signals, POLLIN, 0}, {control_open ? CONTROL : -1, POLLIN, 0}, {notifications, POLLIN, 0},
      {output, POLLIN, 0}, {failures, POLLIN, 0}, {reach_descriptor(), POLLOUT, 0}, {readiness, POLLIN, 0},
      {log_descriptor(), POLLOUT, 0},
    };
    if (poll(ready_for, 8, timeout()) < 0 && errno != EINTR) leave(1);
    if (ready_for[4].revents) read_failures();
    if (ready_for[3].revents) read_output();
    bool shown = ready_for[2].revents && read_notifications(notifications, spec.change_user ? spec.uid : geteuid());
    shown |= look_reached();
    if (ready_for[6].revents) shown |= read_readiness();
    // Last, so that what has ended at the same moment is not ready.
    if (shown || ready_for[0].revents) read_signals();
    if (shown && !ready && !stopping) begin_to_confirm();
    if (control_open && ready_for[1].revents) read_control();
    look_settled();
    do_what_is_due(ready_for[7].revents);
  }
}

static void block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  const int left[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT, SIGWINCH};
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) sigdelset(&all, left[i]);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

/** The descriptors named in the arguments to the numbers that are used here. */
static int place_descriptors(int count, char **numbers) {
  int moved[64];
  if (count < 2 || count > 64) return -1;
  for (int i = 0; i < count; i++)
    if ((moved[i] = fcntl(atoi(numbers[i]), F_DUPFD_CLOEXEC, CONTROL + count)) < 0) return -1;
  for (int i = 0; i < count; i++)
    if (dup2(moved[i], CONTROL + i) < 0) return -1;
  // Whatever the starter's own parent left open goes no further.
  return syscall(SYS_close_range, CONTROL + count, ~0U, 0);
}

int main(int count, char **arguments) {
  if (place_descriptors(count - 1, arguments + 1) < 0) return 2;
  read_specification(CONTROL, &spec);
  fcntl(CONTROL, F_SETFD, FD_CLOEXEC), fcntl(LOCK, F_SETFD, FD_CLOEXEC);
  umask(022);
  if (chdir("/") < 0) return 1;
  if (spec.replace) {
    // In the foreground and with nothing to keep, this process itself becomes the service.
    service = (struct incarnation){getpid(), start_time(getpid()), 0};
    struct stage_failure failure = {"record", 0};
    if (prepare_records(&spec, &service) && publish_records(&spec)) failure = confine_and_execute(&spec);
    else failure.error = errno;
    remove_records(&spec);
    dprintf(2, "daemonize: Cannot run \"%s\": %s: %s\n", spec.argv[0], failure.stage, strerror(failure.error));
    return failure.error == ENOENT ? 127 : 126;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  prctl(PR_SET_NAME, "keeper", 0, 0, 0);
  block_signals();
  if (!open_log()) return tell("failed log %d\n", errno), 1;
  if (spec.notify && (notifications = open_notifications(spec.notify)) < 0) return tell("failed notify %d\n", errno), 1;
  if (is_occupied()) return tell("failed occupied %d\n", EADDRINUSE), 1;
  if (!make_service()) {
    sweep(spec.cgroup);
    leave(1);
  }
  if (spec.foreground) {
    ready = publish_records(&spec);
    control_open = false;
    close(CONTROL), close(LOCK);
  }
  keep();
}
