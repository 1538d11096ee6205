// Makes the processes of builds for the daemon, which is too large to fork, and passes on what they print.
//
// Standard input and output speak frames: three 32-bit numbers, little endian - KIND, ID of the build, LENGTH - and
// LENGTH bytes.
//   in    1 request (see request.c)     2 kill    3 credit: 4 bytes, so much more log may be sent
//         4 done: what the build had is removed   5 keep: it is not
//   out   1 started: 4 bytes, the pid   2 log     3 ended: `exit N`, `signal N`, `exec N`, `failed …`
//         4 gone: nothing of it is left, after done or keep
// The end of standard input is the end of the daemon, and of every build.
// `sandbox --once` takes one request on standard input, runs it with its log on standard output, and exits as it does.
#define _GNU_SOURCE
#include "launch.h"
#include "warden.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUEST = 1, KILL, CREDIT, DONE, KEEP };
enum { STARTED = 1, LOG, ENDED, GONE };

#define MAX_BUILDS 256
#define MAX_REQUEST (64u << 20)
#define WINDOW (1 << 20)
#define IDLE_MS 1000

struct build {
  uint32_t id;
  struct warden warden;
  int64_t credit;
  char words[8192];
  size_t length;
  bool ended;
};

static struct build builds[MAX_BUILDS];
static size_t build_count;

static bool read_all(void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = read(0, (char *)bytes + done, length - done);
    if (count == 0 || (count < 0 && errno != EINTR)) return false;
    if (count > 0) done += count;
  }
  return true;
}

/** Builds end with us, so there is nothing to do about a daemon that has gone. */
static void write_all(const void *bytes, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = write(1, (const char *)bytes + done, length - done);
    if (count < 0 && errno != EINTR) _exit(0);
    if (count > 0) done += count;
  }
}

static void send_frame(uint32_t kind, uint32_t id, const void *bytes, uint32_t length) {
  uint32_t head[] = {kind, id, length};
  write_all(head, sizeof head);
  write_all(bytes, length);
}

/** One that is ready for the next build of a kind, for as long as builds come one after the other. */
static struct {
  bool is_there;
  struct warden warden;
  char *kind;
  size_t length;
} spare;

static void forget_spare(void) {
  if (!spare.is_there) return;
  drop_spare(&spare.warden);
  free(spare.kind);
  spare.is_there = false;
}

static void keep_spare(const char *kind, size_t length) {
  if (spare.is_there || length == 0 || !(spare.kind = malloc(length))) return;
  memcpy(spare.kind, kind, length);
  spare.length = length;
  spare.is_there = launch_spare(kind, length, &spare.warden);
  if (!spare.is_there) free(spare.kind);
}

static bool take_spare(const char *bytes, size_t length, size_t kind, struct warden *warden) {
  if (!spare.is_there || length > MAX_HANDOVER) return false;
  if (spare.length != kind || memcmp(spare.kind, bytes, kind) != 0) return false;
  *warden = spare.warden;
  free(spare.kind);
  spare.is_there = false;
  hand_over(warden, bytes, length);
  return true;
}

static void start_build(uint32_t id, const char *bytes, size_t length) {
  const size_t kind = measure_kind(bytes, length);
  struct warden warden;
  errno = EAGAIN;
  if (build_count == MAX_BUILDS ||
      (!take_spare(bytes, length, kind, &warden) && !launch_warden(bytes, length, &warden))) {
    char text[256];
    int size = snprintf(text, sizeof text, "failed making a process: %s", strerror(errno));
    send_frame(ENDED, id, text, size);
    return send_frame(GONE, id, NULL, 0);
  }
  builds[build_count++] = (struct build){.id = id, .warden = warden, .credit = WINDOW};
  keep_spare(bytes, kind);
}

static struct build *find(uint32_t id) {
  for (size_t i = 0; i < build_count; i++)
    if (builds[i].id == id) return &builds[i];
  return NULL;
}

static void say_on_lifeline(struct build *build, char word, bool is_last) {
  if (build->warden.lifeline < 0) return;
  // It may have gone already, and then there is nothing to tell it.
  if (word && write(build->warden.lifeline, &word, 1) < 0) is_last = true;
  if (is_last) close(build->warden.lifeline), build->warden.lifeline = -1;
}

static void take_frame(void) {
  uint32_t head[3];
  if (!read_all(head, sizeof head) || head[2] > MAX_REQUEST) _exit(0);
  char *bytes = malloc(head[2] + 1);
  if (!bytes || !read_all(bytes, head[2])) _exit(0);
  bytes[head[2]] = 0;
  struct build *build = find(head[1]);
  if (head[0] == REQUEST) start_build(head[1], bytes, head[2]);
  else if (head[0] == KILL && build) say_on_lifeline(build, KILL_BUILD, false);
  else if (head[0] == DONE && build) say_on_lifeline(build, 0, true);
  else if (head[0] == KEEP && build) say_on_lifeline(build, LEAVE_ALL, true);
  else if (head[0] == CREDIT && build && head[2] == 4) build->credit += *(uint32_t *)(void *)bytes;
  free(bytes);
}

static void pass_log(struct build *build) {
  static char bytes[1 << 16];
  size_t room = build->credit < (int64_t)sizeof bytes ? (size_t)build->credit : sizeof bytes;
  ssize_t count = read(build->warden.log, bytes, room);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) {
    close(build->warden.log);
    build->warden.log = -1;
    return;
  }
  build->credit -= count;
  send_frame(LOG, build->id, bytes, count);
}

static void take_report(struct build *build) {
  ssize_t count = read(build->warden.report, build->words + build->length, sizeof build->words - build->length);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) {
    close(build->warden.report);
    build->warden.report = -1;
    return;
  }
  build->length += count;
  char *end = memchr(build->words, '\n', build->length);
  if (!end || strncmp(build->words, "started ", 8) != 0) return;
  uint32_t pid = strtoul(build->words + 8, NULL, 10);
  send_frame(STARTED, build->id, &pid, sizeof pid);
  build->length -= end + 1 - build->words;
  memmove(build->words, end + 1, build->length);
}

/** Once the log has been passed on to its end, and the warden has said how it went, or has gone. */
static void end_build(struct build *build) {
  const char *lost = "failed the process that watches over it has died";
  bool is_told = build->length > 0 && build->words[build->length - 1] == '\n';
  if (build->ended || build->warden.log >= 0 || (build->warden.report >= 0 && !is_told)) return;
  build->ended = true;
  if (is_told) send_frame(ENDED, build->id, build->words, build->length - 1);
  else send_frame(ENDED, build->id, lost, strlen(lost));
}

static void forget_build(size_t index) {
  struct build *build = &builds[index];
  while (waitpid(build->warden.pid, NULL, 0) < 0 && errno == EINTR) {
  }
  if (build->warden.lifeline >= 0) close(build->warden.lifeline);
  drop_handover(build->warden.handover);
  send_frame(GONE, build->id, NULL, 0);
  builds[index] = builds[--build_count];
}

static void serve(void) {
  for (;;) {
    struct pollfd watched[1 + 2 * MAX_BUILDS] = {{.fd = 0, .events = POLLIN}};
    for (size_t i = 0; i < build_count; i++) {
      watched[1 + 2 * i] = (struct pollfd){.fd = builds[i].credit > 0 ? builds[i].warden.log : -1, .events = POLLIN};
      watched[2 + 2 * i] = (struct pollfd){.fd = builds[i].warden.report, .events = POLLIN};
    }
    size_t count = build_count;
    int ready = poll(watched, 1 + 2 * count, count == 0 && spare.is_there ? IDLE_MS : -1);
    if (ready == 0) forget_spare();
    if (ready <= 0) continue;
    for (size_t i = count; i-- > 0;) {
      if (watched[2 + 2 * i].revents) take_report(&builds[i]);
      if (watched[1 + 2 * i].revents) pass_log(&builds[i]);
      end_build(&builds[i]);
      if (builds[i].ended && builds[i].warden.report < 0) forget_build(i);
    }
    if (watched[0].revents) take_frame();
  }
}

static int run_once(void) {
  static char bytes[1 << 20];
  size_t length = 0;
  for (ssize_t count; (count = read(0, bytes + length, sizeof bytes - length)) > 0;) length += count;
  struct request request;
  int report[2];
  if (!parse_request(bytes, length, &request) || !is_complete(&request) || pipe2(report, O_CLOEXEC) < 0) return 64;
  watch_build(&(struct watch){
    .request = &request, .log = fcntl(1, F_DUPFD_CLOEXEC, 3), .report = report[1], .lifeline = -1});
  close(report[1]);
  char words[8192];
  ssize_t count = read(report[0], words, sizeof words - 1);
  words[count < 0 ? 0 : count] = 0;
  const char *end = strchr(words, '\n');
  int status;
  if (end && sscanf(end + 1, "exit %d", &status) == 1) return status;
  fprintf(stderr, "sandbox: %s", words);
  return 1;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 2 && strcmp(argv[1], "--once") == 0) return run_once();
  fcntl(LIFETIME_FD, F_SETFD, FD_CLOEXEC);
  // The daemon is what decides; a Ctrl-C on its terminal is not for us.
  for (const int *number = (const int[]){SIGINT, SIGTERM, SIGHUP, 0}; *number; number++)
    signal(*number, SIG_IGN);
  serve();
}
