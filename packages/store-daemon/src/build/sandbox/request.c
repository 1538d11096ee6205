// A request is a list of fields, each ended by NUL; the first letter says what the rest is.
//
//   N namespaces, letters of m p i u n U     R root         I initial step: these come first
//   B builder   A argument of it, in order   E NAME=VALUE   D working directory
//   U UID:GID   G supplementary group        P personality, letters of r 3 2
//   O outside step (outside.c)               S step (build-root.c)              X what is removed at the end
#define _GNU_SOURCE
#include "request.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>

static unsigned long namespace_flag(char letter) {
  switch (letter) {
    case 'm': return CLONE_NEWNS;
    case 'p': return CLONE_NEWPID;
    case 'i': return CLONE_NEWIPC;
    case 'u': return CLONE_NEWUTS;
    case 'n': return CLONE_NEWNET;
    case 'U': return CLONE_NEWUSER;
  }
  return 0;
}

static unsigned long personality_flag(char letter) {
  switch (letter) {
    case 'r': return ADDR_NO_RANDOMIZE;
    case '3': return PER_LINUX32;
    case '2': return UNAME26;
  }
  return 0;
}

static bool parse_user(char *text, struct request *request) {
  char *end;
  request->uid = strtoul(text, &end, 10);
  if (end == text || *end != ':') return false;
  text = end + 1;
  request->gid = strtoul(text, &end, 10);
  request->has_user = true;
  return end != text && *end == 0;
}

static bool parse_field(char *field, struct request *request, size_t counts[3]) {
  char *rest = field + 1;
  switch (field[0]) {
    case 'B': request->builder = rest; return true;
    case 'A': request->arguments[counts[0]++] = rest; return true;
    case 'E': request->environment[counts[1]++] = rest; return true;
    case 'X': request->removed[counts[2]++] = rest; return true;
    case 'D': request->directory = rest; return true;
    case 'R': request->root = rest; return true;
    case 'I': request->initial[request->initial_count++] = rest; return true;
    case 'O': request->outside[request->outside_count++] = rest; return true;
    case 'S': request->steps[request->step_count++] = rest; return true;
    case 'U': return parse_user(rest, request);
    case 'G':
      if (request->group_count == MAX_GROUPS) return false;
      request->groups[request->group_count++] = strtoul(rest, NULL, 10);
      return true;
    case 'N':
      while (*rest) request->namespaces |= namespace_flag(*rest++);
      return true;
    case 'P':
      while (*rest) request->personality |= personality_flag(*rest++);
      return true;
  }
  return false;
}

bool parse_request(char *bytes, size_t length, struct request *request) {
  if (length == 0 || bytes[length - 1] != 0) return false;
  size_t count = 0, counts[3] = {0};
  for (size_t i = 0; i < length; i++) count += bytes[i] == 0;
  *request = (struct request){0};
  // Each list could hold all fields, and has its NULL.
  char ***lists[] = {&request->arguments, &request->environment, &request->outside,
                     &request->initial,   &request->steps,       &request->removed};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    if (!(*lists[i] = calloc(count + 1, sizeof(char *)))) return false;
  for (char *field = bytes; field < bytes + length; field += strlen(field) + 1)
    if (!parse_field(field, request, counts)) return false;
  return true;
}

bool is_complete(const struct request *request) {
  return request->builder && request->directory;
}

size_t measure_kind(const char *bytes, size_t length) {
  size_t at = 0;
  bool has_root = false;
  while (at < length && bytes[at] && strchr("NRI", bytes[at])) {
    if (bytes[at] == 'N' && strchr(bytes + at, 'U')) return 0;
    if (bytes[at] == 'R') has_root = true;
    at += strlen(bytes + at) + 1;
  }
  return has_root ? at : 0;
}
