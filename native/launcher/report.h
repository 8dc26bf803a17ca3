// How the launcher and init say that something failed: one line, to whoever can read it.
#ifndef RINGFENCE_REPORT_H
#define RINGFENCE_REPORT_H

#include <stdbool.h>
#include <stddef.h>

// Exit codes of the launcher itself; otherwise it ends as the guest did (128 + signal for a signal).
enum {
  EXIT_RINGFENCE = 125, // could not start the sandbox, or the command line is wrong
  EXIT_NOT_EXECUTABLE = 126,
  EXIT_NOT_FOUND = 127,
  EXIT_SANDBOX_DIED = 137, // the sandbox ended without saying how the guest did
};

// In the launcher: "ringfence: ..." on standard error, then exit(code). In init, after
// report_to(): an error event on the control socket, then the end of the whole namespace.
_Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// What fail(EXIT_RINGFENCE, ...) ends the launcher with from now on: engines know runc's codes.
void report_failures_as(int code);

// As fail, with ": " and the text of errno.
_Noreturn void fail_errno(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

// From now on failures also go to `fd` (--log), as records that engines read: JSON, or logfmt; with `alone`, they and what
// `warn` says go nowhere else.
void report_log(int fd, bool json, bool alone);

// A record as the sandbox writes them (src/shared/log_format.ts).
void log_record(int fd, bool json, const char *level, const char *message);

// A record of level warn in the log, where there is one.
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

// "ringfence: ..." on standard error, or in the log where that is alone; the launcher goes on.
void warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

// From now on failures of this process go to `socket` as {"event":"error",...}.
void report_to(int socket);

// Writes everything; 0 or -1 with errno.
int write_all(int fd, const void *bytes, size_t length);

#endif
