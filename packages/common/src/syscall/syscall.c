// System calls that Node lacks, one function each and nothing more: arguments are checked in native.ts.
// A failed call throws an Error with errno, code and syscall, as Node's own do.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <node_api.h>
#include <uv.h>
#include "make-file.h"

#define MAX_ARGUMENTS 4
#define FUNCTION(name) static napi_value name(napi_env env, napi_callback_info info)

static napi_value fail(napi_env env, const char *call) {
  int error = errno;
  napi_value object, number, text;
  napi_create_string_utf8(env, uv_err_name(-error), NAPI_AUTO_LENGTH, &text);
  napi_value message;
  napi_create_string_utf8(env, uv_strerror(-error), NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, text, message, &object);
  napi_create_int32(env, -error, &number);
  napi_set_named_property(env, object, "errno", number);
  napi_create_string_utf8(env, call, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, object, "syscall", text);
  napi_throw(env, object);
  return NULL;
}

static napi_value from_int(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

/** The result of a call that gives -1 for failure. */
static napi_value result_of(napi_env env, int64_t value, const char *call) {
  return value < 0 ? fail(env, call) : from_int(env, value);
}

static void read_ints(napi_env env, napi_callback_info info, int32_t *values) {
  napi_value arguments[MAX_ARGUMENTS];
  size_t count = MAX_ARGUMENTS;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  for (size_t i = 0; i < MAX_ARGUMENTS; i++) {
    values[i] = 0;
    if (i < count) napi_get_value_int32(env, arguments[i], &values[i]);
  }
}

/** flock(fd, operation) */
FUNCTION(lock_file) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  return result_of(env, flock(a[0], a[1]), "flock");
}

/** pidfd_open(pid) */
FUNCTION(pidfd_open_pid) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  return result_of(env, syscall(SYS_pidfd_open, a[0], 0), "pidfd_open");
}

/** pidfd_send_signal(pidfd, signal, value) */
FUNCTION(pidfd_signal) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  siginfo_t queued = {.si_signo = a[1], .si_code = SI_QUEUE};
  queued.si_pid = getpid(), queued.si_uid = getuid(), queued.si_value.sival_int = a[2];
  siginfo_t *with = a[2] ? &queued : NULL;
  return result_of(env, syscall(SYS_pidfd_send_signal, a[0], a[1], with, 0), "pidfd_send_signal");
}

/** pidfd_getfd(pidfd, fd): a duplicate of another process's descriptor. */
FUNCTION(pidfd_getfd_of) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  return result_of(env, syscall(SYS_pidfd_getfd, a[0], a[1], 0), "pidfd_getfd");
}

/** Credentials of the peer of a connected unix socket: [pid, uid, gid]. */
FUNCTION(peer_credentials) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(a[0], SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return fail(env, "getsockopt");
  napi_value list;
  napi_create_array(env, &list);
  napi_set_element(env, list, 0, from_int(env, peer.pid));
  napi_set_element(env, list, 1, from_int(env, peer.uid));
  napi_set_element(env, list, 2, from_int(env, peer.gid));
  return list;
}

static char **read_strings(napi_env env, napi_value list) {
  uint32_t length = 0;
  napi_get_array_length(env, list, &length);
  char **strings = calloc(length + 1, sizeof *strings);
  for (uint32_t i = 0; strings && i < length; i++) {
    napi_value item;
    size_t size = 0;
    napi_get_element(env, list, i, &item);
    napi_get_value_string_utf8(env, item, NULL, 0, &size);
    strings[i] = malloc(size + 1);
    napi_get_value_string_utf8(env, item, strings[i], size + 1, NULL);
  }
  return strings;
}

/**
 * execve(argv[0], argv, environment). Node ignores SIGPIPE, blocks nothing on this thread for long, and marks its
 * descriptors close-on-exec: 0-2 are made to stay, in blocking mode, and every signal is reset.
 */
FUNCTION(replace_process) {
  napi_value arguments[2];
  size_t count = 2;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  char **argv = read_strings(env, arguments[0]);
  char **environment = read_strings(env, arguments[1]);
  for (int fd = 0; fd <= 2; fd++) {
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    fcntl(fd, F_SETFD, 0);
  }
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  execve(argv[0], argv, environment);
  return fail(env, "execve");
}

/** All that the second process of leave() does: it has the memory of the first to itself when that one has ended. */
static int hold_memory(void *pidfd) {
  struct pollfd ended = {*(int *)pidfd, POLLIN, 0};
  // Not by libc's poll(2), which may write to its data of the thread, and that is still the first one's.
  syscall(SYS_ppoll, &ended, 1, NULL, NULL, 0);
  syscall(SYS_exit_group, 0);
  return 0;
}

/**
 * leave(status): _exit(2) without the wait for the kernel, which tells the parent of the end only when it has taken the
 * memory apart: for Node's forty megabytes 3 to 6 ms. A second process shares the memory by then and lives until the
 * first has been seen to end, so that it goes with that one. It has no descriptor of ours and hears no signal. Where it
 * cannot be made this is _exit(2) alone.
 */
FUNCTION(leave_process) {
  static char stack[8192] __attribute__((aligned(16)));
  static int pidfd;
  int32_t a[MAX_ARGUMENTS];
  sigset_t all;
  read_ints(env, info, a);
  // The second process is one for init to reap; children that have ended need not be as well.
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL);
  pidfd = syscall(SYS_pidfd_open, getpid(), 0);
  // For this thread and what comes of it alone: another one that misses a descriptor of libuv's aborts the process.
  if (pidfd > 0 && syscall(SYS_close_range, 0, pidfd - 1, CLOSE_RANGE_UNSHARE) == 0 &&
      syscall(SYS_close_range, pidfd + 1, ~0U, 0) == 0)
    clone(hold_memory, stack + sizeof stack, CLONE_VM, &pidfd);
  _exit(a[0]);
}

/** fcntl(fd, F_SETFD): whether exec closes the descriptor. */
FUNCTION(set_close_on_exec) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  return result_of(env, fcntl(a[0], F_SETFD, a[1] ? FD_CLOEXEC : 0), "fcntl");
}

static bool read_text(napi_env env, napi_value value, char *text, size_t size) {
  size_t length;
  return napi_get_value_string_utf8(env, value, text, size, &length) == napi_ok && length < size - 1;
}

/** memfd_create(name): memory that has a descriptor and no name in the file system. */
FUNCTION(make_memfd) {
  napi_value arguments[1];
  size_t count = 1;
  char name[64] = "";
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  read_text(env, arguments[0], name, sizeof name);
  return result_of(env, memfd_create(name, MFD_CLOEXEC), "memfd_create");
}

static napi_value listen_or_fail(napi_env env, int fd, const struct sockaddr *address, socklen_t size) {
  if (bind(fd, address, size) == 0 && listen(fd, SOMAXCONN) == 0) return from_int(env, fd);
  int error = errno;
  close(fd);
  errno = error;
  return fail(env, "listen");
}

/** listenTcp(ip, port): a listening socket. A server of Node's would accept on it; this one only holds it. */
FUNCTION(listen_tcp) {
  napi_value arguments[2];
  size_t count = 2;
  char text[64] = "";
  int32_t port = 0, on = 1;
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  read_text(env, arguments[0], text, sizeof text);
  napi_get_value_int32(env, arguments[1], &port);
  v4.sin_port = v6.sin6_port = htons(port);
  bool is_v4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, text, &v6.sin6_addr) != 1) return errno = EINVAL, fail(env, "listen");
  int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(env, "socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return is_v4 ? listen_or_fail(env, fd, (struct sockaddr *)&v4, sizeof v4)
               : listen_or_fail(env, fd, (struct sockaddr *)&v6, sizeof v6);
}

/** listenUnix(path, mode): a listening socket whose file has the mode from its first moment. */
FUNCTION(listen_unix) {
  napi_value arguments[2];
  size_t count = 2;
  int32_t mode = 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_int32(env, arguments[1], &mode);
  if (!read_text(env, arguments[0], address.sun_path, sizeof address.sun_path))
    return errno = ENAMETOOLONG, fail(env, "listen");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(env, "socket");
  // For sockets, fchmod before bind decides the file's mode (unix(7)).
  fchmod(fd, mode);
  return listen_or_fail(env, fd, (struct sockaddr *)&address, sizeof address);
}

// Watching a descriptor (a pidfd becomes readable when its process ends) through the event loop.
typedef struct {
  uv_poll_t handle;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
} watch;

static void free_watch(uv_handle_t *handle) {
  watch *self = handle->data;
  napi_handle_scope scope;
  napi_open_handle_scope(self->env, &scope);
  napi_delete_reference(self->env, self->callback);
  napi_async_destroy(self->env, self->context);
  napi_close_handle_scope(self->env, scope);
  free(self);
}

static void on_readable(uv_poll_t *handle, int status, int events) {
  (void)status, (void)events;
  watch *self = handle->data;
  napi_env env = self->env;
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value callback, receiver;
  napi_get_reference_value(env, self->callback, &callback);
  napi_get_global(env, &receiver);
  napi_make_callback(env, self->context, receiver, callback, 0, NULL, NULL);
  napi_close_handle_scope(env, scope);
}

/** watch(fd, callback): a token for unwatch(). */
FUNCTION(watch_readable) {
  napi_value arguments[2], name, token;
  size_t count = 2;
  int32_t fd;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_int32(env, arguments[0], &fd);
  uv_loop_t *loop;
  napi_get_uv_event_loop(env, &loop);
  watch *self = calloc(1, sizeof *self);
  int error = uv_poll_init(loop, &self->handle, fd);
  if (error) {
    free(self);
    errno = -error;
    return fail(env, "poll");
  }
  self->env = env;
  self->handle.data = self;
  napi_create_reference(env, arguments[1], 1, &self->callback);
  napi_create_string_utf8(env, "watch", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &self->context);
  uv_poll_start(&self->handle, UV_READABLE, on_readable);
  napi_create_external(env, self, NULL, NULL, &token);
  return token;
}

FUNCTION(unwatch) {
  napi_value arguments[1];
  size_t count = 1;
  void *self;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_external(env, arguments[0], &self);
  uv_close((uv_handle_t *)&((watch *)self)->handle, free_watch);
  return NULL;
}

/** socketPair(): two connected stream sockets, closed on exec. */
FUNCTION(socket_pair) {
  (void)info;
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return fail(env, "socketpair");
  napi_value list;
  napi_create_array(env, &list);
  napi_set_element(env, list, 0, from_int(env, pair[0]));
  napi_set_element(env, list, 1, from_int(env, pair[1]));
  return list;
}

enum { SPAWN_MAX = 128 };

/** posix_spawn(3) of a session leader with default signals, no environment, and the descriptors given as 0, 1, 2… */
static int spawn_leader(char **argv, const int *descriptors, uint32_t count, pid_t *pid) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  int moved[SPAWN_MAX], error = 0;
  uint32_t done = 0;
  char *environment[] = {NULL};
  sigfillset(&all), sigemptyset(&none);
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  // Out of the way first: a source may have the number of another one's target.
  for (; done < count && !error; done++) {
    moved[done] = fcntl(descriptors[done], F_DUPFD_CLOEXEC, count);
    if (moved[done] < 0) error = errno;
    else posix_spawn_file_actions_adddup2(&actions, moved[done], done);
  }
  if (!error) error = posix_spawn(pid, argv[0], &actions, &attributes, argv, environment);
  for (uint32_t i = 0; i < done; i++)
    if (moved[i] >= 0) close(moved[i]);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  return error;
}

/** spawnLeader(argv, descriptors): its process number; reap() it when it has ended. */
FUNCTION(spawn_session_leader) {
  napi_value arguments[2];
  size_t length = 2;
  uint32_t count = 0;
  int descriptors[SPAWN_MAX];
  pid_t pid = 0;
  napi_get_cb_info(env, info, &length, arguments, NULL, NULL);
  napi_get_array_length(env, arguments[1], &count);
  if (count > SPAWN_MAX) return errno = E2BIG, fail(env, "posix_spawn");
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    napi_get_element(env, arguments[1], i, &item);
    napi_get_value_int32(env, item, &descriptors[i]);
  }
  char **argv = read_strings(env, arguments[0]);
  int error = spawn_leader(argv, descriptors, count, &pid);
  for (char **word = argv; *word; word++) free(*word);
  free(argv);
  return error ? (errno = error, fail(env, "posix_spawn")) : from_int(env, pid);
}

/** reap(pid): whether that child had ended; it is no zombie any more then. */
FUNCTION(reap_child) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  return result_of(env, waitpid(a[0], NULL, WNOHANG), "waitpid");
}

/** Size of a file made that long, its blocks taken on disk: posix_fallocate(fd, 0, length). */
FUNCTION(allocate) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  errno = posix_fallocate(a[0], 0, a[1]);
  return errno ? fail(env, "posix_fallocate") : from_int(env, 0);
}

/** Address family of a socket: 1 for unix, 2 and 10 for IPv4 and IPv6. */
FUNCTION(socket_family) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  struct sockaddr_storage address = {0};
  socklen_t size = sizeof address;
  if (getsockname(a[0], (struct sockaddr *)&address, &size) < 0) return fail(env, "getsockname");
  return from_int(env, address.ss_family);
}

/** 1 for a socket that accepts connections, else 0: getsockopt(fd, SO_ACCEPTCONN). */
FUNCTION(is_listening) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(a[0], SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0) return fail(env, "getsockopt");
  return from_int(env, listening);
}

static struct flock record_lock(int type) {
  struct flock lock = {0};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

/** recordLock(fd, type): 1 when the POSIX lock on the whole file was taken, 0 when another process holds it. */
FUNCTION(record_lock_try) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  struct flock lock = record_lock(a[1]);
  if (fcntl(a[0], F_SETLK, &lock) == 0) return from_int(env, 1);
  return errno == EAGAIN || errno == EACCES ? from_int(env, 0) : fail(env, "fcntl");
}

/**
 * appendExclusively(fd, bytes): writes at the end of a file that is held with a shared record lock, with the lock made
 * exclusive for as long as that takes. 1 when written, 0 when another process has it shared as well.
 */
FUNCTION(append_exclusively) {
  napi_value arguments[2];
  size_t count = 2, size = 0;
  int32_t fd = -1;
  char bytes[8192];
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_int32(env, arguments[0], &fd);
  napi_get_value_string_latin1(env, arguments[1], bytes, sizeof bytes, &size);
  struct flock lock = record_lock(F_WRLCK), back = record_lock(F_RDLCK);
  if (fcntl(fd, F_SETLK, &lock) < 0)
    return errno == EAGAIN || errno == EACCES ? from_int(env, 0) : fail(env, "fcntl");
  ssize_t written = write(fd, bytes, size);
  int error = written < 0 ? errno : ENOSPC;
  // Half of it would be taken for the beginning of what is written next.
  if (written > 0 && written < (ssize_t)size && ftruncate(fd, lseek(fd, 0, SEEK_CUR) - written) < 0) error = errno;
  fcntl(fd, F_SETLK, &back);
  errno = error;
  return written == (ssize_t)size ? from_int(env, 1) : fail(env, "write");
}

/** beginFile(path, guard, contents, mode, time): the number to finish it by. */
FUNCTION(begin_to_make) {
  napi_value arguments[5];
  size_t count = 5, size = 0;
  char path[4096], guard[16];
  void *contents = NULL;
  int32_t mode = 0;
  int64_t time = 0;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (!read_text(env, arguments[0], path, sizeof path) || !read_text(env, arguments[1], guard, sizeof guard))
    return errno = ENAMETOOLONG, fail(env, "open");
  napi_get_typedarray_info(env, arguments[2], NULL, &size, &contents, NULL, NULL);
  napi_get_value_int32(env, arguments[3], &mode);
  napi_get_value_int64(env, arguments[4], &time);
  return result_of(env, begin_file(path, guard, contents, size, mode, time), "open");
}

/** finishFile(number): 1 when it was made, 0 when something of that name is there; EBUSY when its guard is. */
FUNCTION(finish_making) {
  int32_t a[MAX_ARGUMENTS];
  read_ints(env, info, a);
  if (finish_file(a[0]) == 0) return from_int(env, 1);
  return errno == EEXIST ? from_int(env, 0) : fail(env, "write");
}

/** exists(path): 1 when lstat(2) finds something, 0 when there is no such name. */
FUNCTION(path_exists) {
  napi_value arguments[1];
  size_t count = 1, length = 0;
  char path[4096] = "";
  struct stat found;
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  napi_get_value_string_latin1(env, arguments[0], path, sizeof path, &length);
  if (length >= sizeof path - 1) return errno = ENAMETOOLONG, fail(env, "lstat");
  if (lstat(path, &found) == 0) return from_int(env, 1);
  return errno == ENOENT || errno == ENOTDIR ? from_int(env, 0) : fail(env, "lstat");
}

/** exchange(a, b): what the two names stand for changes places, at once. */
FUNCTION(exchange_names) {
  napi_value arguments[2];
  size_t count = 2;
  char a[4096] = "", b[4096] = "";
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
  if (!read_text(env, arguments[0], a, sizeof a) || !read_text(env, arguments[1], b, sizeof b))
    return errno = ENAMETOOLONG, fail(env, "rename");
  return result_of(env, renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), "rename");
}

/**
 * remountWritable(path): 1 when what is mounted read-only there has become writable for this thread and what it starts,
 * in a mount namespace of their own; 0 when it was writable, or still is not.
 */
FUNCTION(remount_writable) {
  napi_value argument;
  size_t count = 1;
  char path[4096] = "";
  struct statvfs found;
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  if (!read_text(env, argument, path, sizeof path)) return errno = ENAMETOOLONG, fail(env, "mount");
  if (statvfs(path, &found) < 0) return fail(env, "statvfs");
  if (!(found.f_flag & ST_RDONLY)) return from_int(env, 0);
  // These have the same values as for mount(2), which would clear them.
  unsigned long kept = found.f_flag & (ST_NOSUID | ST_NODEV | ST_NOEXEC);
  if (unshare(CLONE_NEWNS) < 0) return fail(env, "unshare");
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) return fail(env, "mount");
  if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | kept, NULL) < 0) return fail(env, "mount");
  if (statvfs(path, &found) < 0) return fail(env, "statvfs");
  return from_int(env, !(found.f_flag & ST_RDONLY));
}

// Waiting for a record lock, each on a thread of its own: those of libuv's pool are few, and what reads and writes
// files would wait for whoever holds the locks.
typedef struct {
  int fd, type, error;
  napi_deferred deferred;
  napi_threadsafe_function tell;
} lock_wait;

static void *wait_for_lock(void *data) {
  lock_wait *self = data;
  struct flock lock = record_lock(self->type);
  // Two processes that wait for each other are a deadlock to the kernel, which does not know that each does several
  // things at once, and that others of these go on and release what is waited for.
  const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
  while (self->error = 0, fcntl(self->fd, F_SETLKW, &lock) < 0) {
    self->error = errno;
    if (errno == EDEADLK) nanosleep(&moment, NULL);
    else if (errno != EINTR) break;
  }
  // Once told, the other thread frees it.
  napi_threadsafe_function tell = self->tell;
  napi_call_threadsafe_function(tell, NULL, napi_tsfn_blocking);
  napi_release_threadsafe_function(tell, napi_tsfn_release);
  return NULL;
}

static void finish_lock_wait(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback;
  (void)data;
  lock_wait *self = context;
  if (env && self->error) {
    napi_value error;
    errno = self->error;
    fail(env, "fcntl");
    napi_get_and_clear_last_exception(env, &error);
    napi_reject_deferred(env, self->deferred, error);
  } else if (env) {
    napi_resolve_deferred(env, self->deferred, from_int(env, 1));
  }
  free(self);
}

/** Signals are for the threads of Node. Returns an error number. */
static int start_thread(void *(*run)(void *), void *data) {
  sigset_t all, before;
  pthread_attr_t attributes;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  int error = pthread_create(&thread, &attributes, run, data);
  pthread_attr_destroy(&attributes);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error;
}

/** recordLockWait(fd, type): a promise, fulfilled when the lock is held. */
FUNCTION(record_lock_wait) {
  int32_t a[MAX_ARGUMENTS];
  napi_value promise, name;
  lock_wait *self = calloc(1, sizeof *self);
  read_ints(env, info, a);
  self->fd = a[0];
  self->type = a[1];
  napi_create_promise(env, &self->deferred, &promise);
  napi_create_string_utf8(env, "recordLockWait", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, self, finish_lock_wait, &self->tell);
  napi_threadsafe_function tell = self->tell;
  if ((self->error = start_thread(wait_for_lock, self)) != 0) {
    napi_call_threadsafe_function(tell, NULL, napi_tsfn_blocking);
    napi_release_threadsafe_function(tell, napi_tsfn_release);
  }
  return promise;
}

#define EXPORT(name, function) {name, NULL, function, NULL, NULL, NULL, napi_default, NULL}

NAPI_MODULE_INIT() {
  static const napi_property_descriptor functions[] = {
    EXPORT("flock", lock_file),
    EXPORT("pidfdOpen", pidfd_open_pid),
    EXPORT("pidfdSendSignal", pidfd_signal),
    EXPORT("pidfdGetfd", pidfd_getfd_of),
    EXPORT("peerCredentials", peer_credentials),
    EXPORT("execve", replace_process),
    EXPORT("leave", leave_process),
    EXPORT("setCloseOnExec", set_close_on_exec),
    EXPORT("memfd", make_memfd),
    EXPORT("listenTcp", listen_tcp),
    EXPORT("listenUnix", listen_unix),
    EXPORT("watch", watch_readable),
    EXPORT("unwatch", unwatch),
    EXPORT("socketPair", socket_pair),
    EXPORT("spawnLeader", spawn_session_leader),
    EXPORT("reap", reap_child),
    EXPORT("allocate", allocate),
    EXPORT("socketFamily", socket_family),
    EXPORT("isListening", is_listening),
    EXPORT("recordLock", record_lock_try),
    EXPORT("appendExclusively", append_exclusively),
    EXPORT("beginFile", begin_to_make),
    EXPORT("finishFile", finish_making),
    EXPORT("exists", path_exists),
    EXPORT("exchange", exchange_names),
    EXPORT("remountWritable", remount_writable),
    EXPORT("recordLockWait", record_lock_wait),
  };
  napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions);
  return exports;
}
