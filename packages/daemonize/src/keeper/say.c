// What the keeper says: to the starter, and for people.
#include "loop.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void tell(const char *format, ...) {
  if (!control_open) return;
  va_list arguments;
  va_start(arguments, format);
  vdprintf(CONTROL, format, arguments);
  va_end(arguments);
}

void note(const char *format, ...) {
  char text[512], line[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  int length = snprintf(line, sizeof line, "daemonize: %s\n", text);
  if (spec.log_file || spec.syslog || spec.journal) log_bytes(line, length);
  else if (write(2, line, length) < 0) errno = 0;
}
