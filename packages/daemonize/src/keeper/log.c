// Carries the service's output to a file that is rotated between lines, to syslog, or to the journal. Nothing
// here ever makes the service wait or end: on a full disk the newest megabyte is kept and tried again every second, and what did not
// fit is counted in the log.
#include "loop.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PENDING_MAX = 1 << 20, LINE_MAX_BYTES = 1 << 16, JOURNAL_LINE_MAX = 1 << 19, RETRY_MS = 1000, FINISH_MS = 1000 };

static int file = -1, syslog_socket = -1;
static long long size, opened;
static char pending[PENDING_MAX];
static size_t used, lost;
static long long retry_at;
/** For whoever reads at the other end of the socket: ten datagrams are most often all that it holds. */
static bool waiting;

/** The starter has followed the links on the way to it; one that is there by now may be of somebody who owns a folder. */
static int open_folder(void) {
  char path[4096];
  const char *name = strrchr(spec.log_file, '/');
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
  snprintf(path, sizeof path, "%.*s", name == spec.log_file ? 1 : (int)(name - spec.log_file), spec.log_file);
  int folder = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  // Before Linux 5.6, or kept from it by a filter of system calls.
  if (folder < 0 && (errno == ENOSYS || errno == EPERM)) folder = open(path, how.flags | O_NOFOLLOW);
  return folder;
}

static const char *file_name(void) {
  return strrchr(spec.log_file, '/') + 1;
}

static bool open_file_in(int folder) {
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;
  int fd = openat(folder, file_name(), flags, 0640);
  struct stat stat;
  if (fd < 0) return false;
  if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode)) return close(fd), errno = EINVAL, false;
  if (file >= 0) close(file);
  file = fd;
  size = stat.st_size;
  opened = size > 0 ? stat.st_mtime : time(NULL);
  return true;
}

static bool open_file(void) {
  int folder = open_folder();
  if (folder < 0) return false;
  bool done = open_file_in(folder);
  int error = errno;
  close(folder);
  errno = error;
  return done;
}

static bool connect_syslog(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, spec.syslog, sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return close(fd), false;
  syslog_socket = fd;
  return true;
}

bool open_log(void) {
  // A missing syslog is no reason not to start: it is looked for again with every line.
  if (spec.syslog) connect_syslog();
  return !spec.log_file || open_file();
}

void reopen_log(void) {
  if (spec.log_file) open_file();
}

static void rotate(void) {
  char from[512], to[512];
  int folder = open_folder();
  // Where it cannot be rotated it grows.
  if (folder < 0) return;
  // Where it is gone already no new one could be made the last time: the older ones are not moved on for that.
  struct stat there;
  const bool is_there = fstatat(folder, file_name(), &there, AT_SYMLINK_NOFOLLOW) == 0;
  for (int n = is_there ? spec.log_files : 0; n > 0; n--) {
    snprintf(to, sizeof to, "%s.%d", file_name(), n);
    snprintf(from, sizeof from, n > 1 ? "%s.%d" : "%s", file_name(), n - 1);
    renameat(folder, from, folder, to);
  }
  if (spec.log_files == 0) unlinkat(folder, file_name(), 0);
  open_file_in(folder);
  close(folder);
}

static bool rotation_due(size_t length) {
  if (size == 0) return false;
  if (spec.log_bytes > 0 && size + (long long)length > spec.log_bytes) return true;
  return spec.log_seconds > 0 && time(NULL) / spec.log_seconds != opened / spec.log_seconds;
}

/** RFC 3164: <daemon.info>TIME TAG: text */
static bool send_to_syslog(const char *text, size_t length) {
  char message[LINE_MAX_BYTES + 256], stamp[32];
  time_t now = time(NULL);
  strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", localtime(&now));
  int n = snprintf(message, sizeof message, "<30>%s %s: %.*s", stamp, spec.tag, (int)length, text);
  for (int attempt = 0; attempt < 2; attempt++) {
    if (syslog_socket < 0 && !connect_syslog()) return true;
    if (send(syslog_socket, message, n, MSG_NOSIGNAL) >= 0) return true;
    if (errno == EAGAIN || errno == ENOBUFS) return waiting = errno == EAGAIN, false;
    // The daemon was restarted: its socket is another one now.
    close(syslog_socket);
    syslog_socket = -1;
  }
  return true;
}

static bool send_line(const char *text, size_t length) {
  if (!spec.journal) return send_to_syslog(text, length);
  waiting = !send_to_journal(&spec, service.pid, text, length);
  return !waiting;
}

static bool write_some(const char *text, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t n = write(file, text + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      // What did get there stays there: only the rest is tried again.
      memmove(pending, pending + done, used - done);
      used -= done;
      return false;
    }
    done += n;
    size += n;
  }
  return true;
}

static void note_loss(void) {
  char note[128];
  if (!lost) return;
  int n = snprintf(note, sizeof note, "daemonize: %zu bytes of output were lost: no room\n", lost);
  if (spec.log_file ? write(file, note, n) == n : send_line(note, n - 1)) lost = 0;
}

static bool send_lines(bool all) {
  const size_t most = spec.journal ? JOURNAL_LINE_MAX : LINE_MAX_BYTES;
  bool sent = true;
  size_t done = 0;
  while (done < used) {
    char *end = memchr(pending + done, '\n', used - done);
    size_t length = end ? (size_t)(end - pending) + 1 - done : used - done;
    if (!end && !all && length < most) break;
    // What is too long for one message comes as several.
    if (length > most) length = most, end = NULL;
    if (!(sent = send_line(pending + done, end ? length - 1 : length))) break;
    done += length;
  }
  memmove(pending, pending + done, used - done);
  used -= done;
  return sent;
}

static bool write_lines(bool all) {
  while (used > 0) {
    char *end = memchr(pending, '\n', used);
    size_t length = end ? (size_t)(end - pending) + 1 : used;
    if (!end && !all && used < LINE_MAX_BYTES) return true;
    // As many whole lines at once as fit in the file.
    long long room = spec.log_bytes > 0 ? spec.log_bytes - size : PENDING_MAX;
    if (rotation_due(length)) rotate(), room = spec.log_bytes > 0 ? spec.log_bytes : PENDING_MAX;
    while (end && (end = memchr(pending + length, '\n', used - length)) &&
           end - pending + 1 <= room)
      length = end - pending + 1;
    if (file < 0 && !open_file()) return false;
    if (!write_some(pending, length)) return false;
    memmove(pending, pending + length, used - length);
    used -= length;
  }
  return true;
}

static void flush(bool all) {
  waiting = false;
  const bool done = spec.log_file ? write_lines(all) : send_lines(all);
  if (done) note_loss();
  retry_at = done && !waiting ? 0 : now_ms() + RETRY_MS;
}

void log_bytes(const char *bytes, size_t length) {
  size_t room = PENDING_MAX - used, taken = length < room ? length : room;
  memcpy(pending + used, bytes, taken);
  used += taken;
  lost += length - taken;
  if (!retry_at) flush(false);
}

void finish_log(void) {
  const long long until = now_ms() + FINISH_MS;
  flush(true);
  for (long long left; waiting && (left = until - now_ms()) > 0; flush(true)) {
    struct pollfd room = {log_descriptor(), POLLOUT, 0};
    poll(&room, 1, left);
  }
}

int log_descriptor(void) {
  return !waiting ? -1 : spec.journal ? journal_descriptor() : syslog_socket;
}

int log_timeout(void) {
  if (!retry_at) return -1;
  long long left = retry_at - now_ms();
  return left > 0 ? left : 0;
}

void flush_log(bool has_room) {
  if (retry_at && (has_room || now_ms() >= retry_at)) flush(false);
}
