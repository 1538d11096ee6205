// Makes files of contents that are in memory: on ext4 that takes 30 µs, a third of what else is done for a small item.
//
// A thread makes those that wait, the oldest first, while the caller goes on. Whoever has to have one that nobody has
// begun makes it himself, and until another one is ready makes those that wait, the newest first. One that waits alone
// is not worth the thread's waking: the caller is about to ask for it.
#define _GNU_SOURCE
#include "make-file.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct file {
  struct file *older, *newer;
  enum { WAITING, BEGUN, MADE } state;
  int error;
  mode_t mode;
  time_t time;
  size_t size;
  const char *path, *guard;
  char contents[];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t some_wait = PTHREAD_COND_INITIALIZER, one_is_made = PTHREAD_COND_INITIALIZER;
static struct file *oldest, *newest;
/** By number; NULL for one that is free. */
static struct file **files;
static int room;
static bool has_thread;
/** How often one has come or been made. */
static unsigned changes;

/** Longer than it takes to make a file, or until the caller's next one comes. */
enum { MOMENT_NS = 60000 };

static bool write_all(int fd, const char *bytes, size_t left) {
  while (left > 0) {
    ssize_t written = write(fd, bytes, left);
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) bytes += written, left -= (size_t)written;
  }
  return true;
}

/** What was begun when it fails stays: its name is the caller's to free. */
static int make_file(const struct file *file) {
  const struct timespec times[2] = {{.tv_sec = file->time}, {.tv_sec = file->time}};
  // Here, since in a folder that another thread makes files in it is waited for.
  if (*file->guard && faccessat(AT_FDCWD, file->guard, F_OK, AT_SYMLINK_NOFOLLOW) == 0) return EBUSY;
  int fd = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file->mode);
  if (fd < 0) return errno;
  int error = write_all(fd, file->contents, file->size) && futimens(fd, times) == 0 ? 0 : errno;
  // Some file systems say only now that there was no room.
  return close(fd) < 0 && error == 0 ? errno : error;
}

/** Takes one that waits out of the queue and makes it. The mutex is held before and after, and not meanwhile. */
static void make(struct file *file) {
  *(file->older ? &file->older->newer : &oldest) = file->newer;
  *(file->newer ? &file->newer->older : &newest) = file->older;
  file->state = BEGUN;
  pthread_mutex_unlock(&mutex);
  int error = make_file(file);
  pthread_mutex_lock(&mutex);
  file->error = error;
  file->state = MADE;
  changes++;
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/**
 * The mutex is held before and after. A processor that has gone to sleep takes as long to be woken as a file to be made,
 * and in a virtual machine longer, so who waits first stays awake for a moment, unless somebody else wants the processor.
 */
static void wait_for(pthread_cond_t *condition) {
  const unsigned seen = changes;
  const long long until = now_ns() + MOMENT_NS;
  pthread_mutex_unlock(&mutex);
  while (__atomic_load_n(&changes, __ATOMIC_RELAXED) == seen && now_ns() < until) sched_yield();
  pthread_mutex_lock(&mutex);
  if (changes == seen) pthread_cond_wait(condition, &mutex);
}

static void *make_those_that_wait(void *nothing) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (!oldest) wait_for(&some_wait);
    make(oldest);
    pthread_cond_signal(&one_is_made);
  }
  return nothing;
}

/** Where there is none the caller makes them all. */
static void start_thread(void) {
  sigset_t all, before;
  pthread_t thread;
  // Signals are for the threads of Node.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  has_thread = pthread_create(&thread, NULL, make_those_that_wait, NULL) == 0 && pthread_detach(thread) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int find_number(void) {
  for (int i = 0; i < room; i++)
    if (!files[i]) return i;
  struct file **more = realloc(files, (room + 16) * sizeof *files);
  if (!more) return -1;
  memset(more + room, 0, 16 * sizeof *files);
  files = more;
  room += 16;
  return room - 16;
}

int begin_file(const char *path, const char *guard, const void *contents, size_t size, mode_t mode, time_t time) {
  const size_t length = strlen(path);
  struct file *file = malloc(sizeof *file + size + length + 1 + length + strlen(guard) + 1);
  if (!file) return -1;
  *file = (struct file){.state = WAITING, .mode = mode, .time = time, .size = size};
  memcpy(file->contents, contents, size);
  file->path = strcpy(file->contents + size, path);
  char *name = file->contents + size + length + 1;
  file->guard = *guard ? strcat(strcpy(name, path), guard) : strcpy(name, "");
  pthread_mutex_lock(&mutex);
  int number = find_number();
  if (number < 0) {
    free(file);
  } else {
    files[number] = file;
    file->older = newest;
    *(newest ? &newest->newer : &oldest) = file;
    newest = file;
    changes++;
    if (oldest != newest && !has_thread) start_thread();
    if (oldest != newest) pthread_cond_signal(&some_wait);
  }
  pthread_mutex_unlock(&mutex);
  return number;
}

int finish_file(int number) {
  pthread_mutex_lock(&mutex);
  struct file *file = number >= 0 && number < room ? files[number] : NULL;
  if (!file) return pthread_mutex_unlock(&mutex), errno = EINVAL, -1;
  if (file->state == WAITING) make(file);
  while (file->state != MADE) {
    if (newest) make(newest);
    else wait_for(&one_is_made);
  }
  files[number] = NULL;
  pthread_mutex_unlock(&mutex);
  int error = file->error;
  free(file);
  return errno = error, error == 0 ? 0 : -1;
}
