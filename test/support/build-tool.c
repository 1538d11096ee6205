// What a builder of a test can do that a shell alone cannot: a static program, so that it needs nothing but itself.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static int print_zeros(long long bytes) {
  static char block[1 << 16];
  memset(block, 'z', sizeof block);
  while (bytes > 0) {
    ssize_t count = write(1, block, bytes < (long long)sizeof block ? bytes : (long long)sizeof block);
    if (count < 0) return 1;
    bytes -= count;
  }
  return 0;
}

static int make_socket(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

/** Several generations away, in a session of its own, deaf to all that can be ignored. */
static int become_daemon(void) {
  if (fork() > 0) return 0;
  setsid();
  if (fork() > 0) _exit(0);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  for (;;) pause();
}

int main(int argc, char **argv) {
  if (argc < 2) return 64;
  const char *what = argv[1], *path = argc > 2 ? argv[2] : "", *more = argc > 3 ? argv[3] : "";
  int status = 64;
  if (is(what, "chmod")) status = chmod(more, strtol(path, NULL, 8));
  else if (is(what, "chown")) status = chown(more, atoi(path), atoi(path));
  else if (is(what, "mkdir")) status = mkdir(path, 0755);
  else if (is(what, "rm")) status = unlink(path);
  else if (is(what, "ln")) status = symlink(path, more);
  else if (is(what, "link")) status = link(path, more);
  else if (is(what, "mkfifo")) status = mkfifo(path, 0644);
  else if (is(what, "mknod")) status = mknod(path, S_IFCHR | 0666, 1 << 8 | 3);
  else if (is(what, "socket")) status = make_socket(path);
  else if (is(what, "print")) status = print_zeros(atoll(path));
  else if (is(what, "daemon")) status = become_daemon();
  else if (is(what, "sleep")) pause();
  else if (is(what, "setuid")) status = setuid(0);
  if (status != 0) perror(what);
  return status != 0;
}
