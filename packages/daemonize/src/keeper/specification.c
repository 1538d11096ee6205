// Reads the specification: entries KEY=VALUE, each ended by NUL, the whole by an empty entry.
#include "keeper.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void refuse(const char *what) {
  dprintf(CONTROL, "failed specification:%s %d\n", what, EINVAL);
  _exit(1);
}

static char *read_entries(int fd, size_t *length) {
  size_t size = 65536, used = 0;
  char *text = malloc(size);
  while (text) {
    ssize_t n = read(fd, text + used, size - used);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) refuse("end");
    used += n;
    const char *end = memmem(text, used, "\0", 2);
    // What comes behind it can only be that the start is not wanted any more.
    if (end && end + 2 < text + used) _exit(1);
    if (end) break;
    if (used == size) text = realloc(text, size *= 2);
  }
  *length = used;
  return text;
}

static void add(char ***list, int *count, char *value) {
  // Room for two more, and the end.
  *list = realloc(*list, (*count + 4) * sizeof **list);
  (*list)[(*count)++] = value;
  (*list)[*count] = NULL;
}

static void set(struct specification *s, const char *key, char *value) {
  const long number = atol(value);
#define TEXT(name) if (!strcmp(key, #name)) { s->name = value; return; }
#define NUMBER(name) if (!strcmp(key, #name)) { s->name = number; return; }
  TEXT(root) TEXT(cwd) TEXT(cgroup) TEXT(oom_score) TEXT(notify)
  TEXT(pidfile) TEXT(state) TEXT(state_fields) TEXT(token) TEXT(log_file) TEXT(syslog) TEXT(journal) TEXT(tag)
  NUMBER(foreground) NUMBER(replace) NUMBER(keep) NUMBER(settles) NUMBER(no_new_privileges) NUMBER(sockets)
  NUMBER(ready_fd) NUMBER(restart) NUMBER(restart_delay) NUMBER(restart_max_delay)
  NUMBER(restart_reset) NUMBER(restart_limit) NUMBER(stop_signal) NUMBER(stop_timeout) NUMBER(drain_timeout)
  NUMBER(log_bytes) NUMBER(log_seconds) NUMBER(log_files)
  if (!strcmp(key, "argument")) return add(&s->argv, &s->arguments, value);
  if (!strcmp(key, "variable")) return add(&s->environment, &s->variables, value);
  if (!strcmp(key, "uid")) { s->change_user = true; s->uid = strtoul(value, NULL, 10); return; }
  if (!strcmp(key, "gid")) { s->gid = strtoul(value, NULL, 10); return; }
  if (!strcmp(key, "group") && s->group_count < 256) { s->groups[s->group_count++] = strtoul(value, NULL, 10); return; }
  if (!strcmp(key, "reach") && s->reach_count < 8) { s->reach[s->reach_count++] = value; return; }
  if (!strcmp(key, "umask")) { s->umask = strtoul(value, NULL, 8); return; }
  if (!strcmp(key, "nice")) { s->has_nice = true; s->nice = number; return; }
  if (!strcmp(key, "capabilities")) { s->bounded = true; s->capabilities = strtoull(value, NULL, 16); return; }
  if (!strcmp(key, "limit") && s->limit_count < 32) {
    struct limit *l = &s->limits[s->limit_count++];
    unsigned long long soft, hard;
    if (sscanf(value, "%d:%llu:%llu", &l->resource, &soft, &hard) != 3) refuse(key);
    l->value = (struct rlimit){soft, hard};
    return;
  }
  refuse(key);
}

void read_specification(int fd, struct specification *spec) {
  size_t length;
  char *text = read_entries(fd, &length);
  add(&spec->environment, &spec->variables, NULL), spec->variables = 0;
  spec->ready_source = -1;
  for (char *entry = text; *entry; entry += strlen(entry) + 1) {
    char *equals = strchr(entry, '=');
    if (!equals) refuse("entry");
    *equals = 0;
    set(spec, entry, equals + 1);
    *equals = '=';
    entry = equals;
  }
  if (spec->arguments == 0) refuse("argument");
}
