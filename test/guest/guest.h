// Helpers of guest programs. A program prints what it observes, one fact a line, and nothing that
// may differ between two native runs (addresses, pids, times). It runs natively and in the sandbox;
// what it prints and how it ends must be equal.
//
// Directives in a program's first comment block, each on a line of its own (program.ts reads them):
// //@ NAME: TEXT
//   args: A B           one run with these arguments; several lines, several runs
//   stdin: TEXT         what standard input gives, with C escapes; empty without it
//   env: NAME=VALUE     beside PATH
//   needs: TAG ...      features of the kernel that it uses (features.ts)
//   cflags: FLAG ...    beside -O1 -static
//   link: dynamic       with the host's libraries, not static
//   link: musl          with another C library, where it is installed
//   expect-differs: FIELD[=VALUE] WHY    stdout, stderr or status differ by design
#ifndef RINGFENCE_GUEST_H
#define RINGFENCE_GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096l

// Prints one line, in one write.
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (n > (int)sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  for (int done = 0; done < n;) {
    ssize_t w = write(1, line + done, n - done);
    if (w <= 0) _exit(99);
    done += w;
  }
}

// A system call without libc between: the result, or a negative errno.
__attribute__((unused)) static long sys6(long nr, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}
#define SYS_0(n) sys6(n, 0, 0, 0, 0, 0, 0)
#define SYS_1(n, a) sys6(n, (long)(a), 0, 0, 0, 0, 0)
#define SYS_2(n, a, b) sys6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define SYS_3(n, a, b, c) sys6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define SYS_4(n, a, b, c, d) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define SYS_5(n, a, b, c, d, e) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define SYS_6(n, a, b, c, d, e, f) sys6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

__attribute__((unused)) static int failed(long result) {
  return result < 0 && result >= -4095;
}

__attribute__((unused)) static const char *error_name(long result) {
  const char *name = strerrorname_np((int)-result);
  return name ? name : "unknown error";
}

// "what: number" or "what: ENAME".
__attribute__((unused)) static void value(const char *what, long result) {
  if (failed(result))
    say("%s: %s", what, error_name(result));
  else
    say("%s: %ld", what, result);
}

// "what: ok" or "what: ENAME", for results that may differ from run to run.
__attribute__((unused)) static void outcome(const char *what, long result) {
  say("%s: %s", what, failed(result) ? error_name(result) : "ok");
}

__attribute__((unused)) static void yes_no(const char *what, int condition) {
  say("%s: %s", what, condition ? "yes" : "no");
}

// ---- Memory ----

__attribute__((unused)) static long map_at(void *at, size_t length, int prot, int flags) {
  return SYS_6(SYS_mmap, at, length, prot, flags, -1, 0);
}

// Anonymous pages, readable and writable, with an inaccessible page on both sides.
__attribute__((unused)) static char *pages(size_t count) {
  long at = map_at(NULL, (count + 2) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
  if (failed(at)) _exit(98);
  if (failed(SYS_3(SYS_mprotect, at + PAGE, count * PAGE, PROT_READ | PROT_WRITE))) _exit(98);
  return (char *)at + PAGE;
}

// Whether 16 bytes there can be read and written, found out by system calls: no signal handler is needed.
// The bytes must be zero, or hold a valid short time, to be called readable.
__attribute__((unused)) static int readable(const void *at) {
  return SYS_2(SYS_nanosleep, at, 0) != -EFAULT;
}

__attribute__((unused)) static int writable(void *at) {
  return SYS_2(SYS_clock_getres, CLOCK_MONOTONIC, at) != -EFAULT;
}

// "what: rw", "r-", "--" for a page of zeros.
__attribute__((unused)) static void access_of(const char *what, void *at) {
  int r = readable(at);
  say("%s: %c%c", what, r ? 'r' : '-', writable(at) ? 'w' : '-');
}

#endif
