// Starts the processes that watch over builds, some of them before there is a build for them.
#define _GNU_SOURCE
#include "launch.h"
#include "warden.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_FD = LIFETIME_FD + 1, REPORT_FD, LIFELINE_FD, FIRST_OTHER_FD };

/** LIFETIME_FD stays as it is. */
static _Noreturn void run_warden(const char *bytes, size_t length, struct watch watch) {
  struct request request;
  // Out of the way first: each may have one of the numbers that another one gets.
  int log = fcntl(watch.log, F_DUPFD_CLOEXEC, 100), report = fcntl(watch.report, F_DUPFD_CLOEXEC, 100);
  int lifeline = fcntl(watch.lifeline, F_DUPFD_CLOEXEC, 100);
  watch.log = dup3(log, LOG_FD, O_CLOEXEC), watch.report = dup3(report, REPORT_FD, O_CLOEXEC);
  watch.lifeline = dup3(lifeline, LIFELINE_FD, O_CLOEXEC);
  // Another build's lifeline must not be held open by us.
  close_range(FIRST_OTHER_FD, ~0U, 0);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(null, 0), dup2(null, 1);
  watch.request = &request;
  // It takes the text apart in place.
  char *own = malloc(length + 1);
  if (own) memcpy(own, bytes, length);
  if (own && parse_request(own, length, &request) && (watch.handover || is_complete(&request))) watch_build(&watch);
  else if (write(REPORT_FD, "failed reading the request\n", 27) < 0) _exit(1);
  _exit(0);
}

static bool launch(const char *bytes, size_t length, struct handover *handover, struct warden *warden) {
  int log[2] = {-1, -1}, report[2] = {-1, -1}, lifeline[2] = {-1, -1};
  pid_t pid = -1;
  bool made = pipe2(log, O_CLOEXEC) == 0 && pipe2(report, O_CLOEXEC) == 0 && pipe2(lifeline, O_CLOEXEC) == 0 &&
              (pid = fork()) >= 0;
  if (pid == 0) {
    run_warden(bytes, length,
               (struct watch){.handover = handover, .log = log[1], .report = report[1], .lifeline = lifeline[0]});
  }
  const int failure = errno;
  close(log[1]), close(report[1]), close(lifeline[0]);
  *warden = (struct warden){
    .pid = pid, .log = log[0], .report = report[0], .lifeline = lifeline[1], .handover = handover};
  if (!made) close(log[0]), close(report[0]), close(lifeline[1]);
  errno = failure;
  return made;
}

bool launch_warden(const char *bytes, size_t length, struct warden *warden) {
  return launch(bytes, length, NULL, warden);
}

bool launch_spare(const char *kind, size_t length, struct warden *warden) {
  struct handover *handover = make_handover();
  if (!handover) return false;
  if (launch(kind, length, handover, warden)) return true;
  drop_handover(handover);
  return false;
}

void hand_over(struct warden *warden, const char *bytes, size_t length) {
  const char word = GO_ON;
  memcpy(warden->handover->bytes, bytes, length);
  warden->handover->length = length;
  // Should it have died, its report ends.
  if (write(warden->lifeline, &word, 1) < 0) return;
}

void drop_spare(struct warden *warden) {
  close(warden->log), close(warden->report), close(warden->lifeline);
  drop_handover(warden->handover);
  while (waitpid(warden->pid, NULL, 0) < 0 && errno == EINTR) {
  }
}
