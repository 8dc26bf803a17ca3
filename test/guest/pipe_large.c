// Transfers of many pages through a pipe: from and to anonymous memory, memory of files, shared memory, and
// memory that ends or may not be touched; whole pages and others; with a reader that takes odd parts.
//@ needs: pipes
#include "guest.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define AREA (64 * PAGE)

static unsigned char next_byte(unsigned *state) {
  *state = *state * 1664525 + 1013904223;
  return (unsigned char)(*state >> 24);
}

// A child writes `count` times `length` bytes; this process reads them in parts of `part` and compares.
static void through(const char *what, unsigned char *from, size_t length, int count, size_t part) {
  int ends[2];
  if (pipe(ends) < 0) return;
  pid_t child = fork();
  if (child == 0) {
    unsigned state = 7;
    for (int i = 0; i < count; i++) {
      for (size_t at = 0; at < length; at++)
        from[at] = next_byte(&state);
      for (size_t done = 0; done < length;) {
        ssize_t n = write(ends[1], from + done, length - done);
        if (n <= 0) _exit(1);
        done += (size_t)n;
      }
    }
    _exit(0);
  }
  close(ends[1]);
  unsigned char *into = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned state = 7;
  size_t total = 0, wrong = 0;
  for (ssize_t n; (n = read(ends[0], into, part)) > 0; total += (size_t)n)
    for (ssize_t at = 0; at < n; at++)
      wrong += into[at] != next_byte(&state);
  int status;
  waitpid(child, &status, 0);
  close(ends[0]);
  munmap(into, AREA);
  value(what, (long)total);
  value(" wrong", (long)wrong);
  value(" status", status);
}

// One write or read of many pages that end in memory which is not there.
static void faults(void) {
  int ends[2];
  if (pipe(ends) < 0) return;
  unsigned char *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(area, 'x', AREA);
  munmap(area + 8 * PAGE, PAGE);
  mprotect(area + 20 * PAGE, PAGE, PROT_NONE);
  outcome("write up to a hole", write(ends[1], area, 16 * PAGE));
  outcome("write from a hole", write(ends[1], area + 8 * PAGE, 8 * PAGE));
  outcome("write up to what may not be read", write(ends[1], area + 16 * PAGE, 8 * PAGE));
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  outcome("read", read(ends[0], area + 24 * PAGE, 32 * PAGE));
  outcome("nothing left", read(ends[0], area + 24 * PAGE, 32 * PAGE));
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  outcome("write what fits", write(ends[1], area + 24 * PAGE, 32 * PAGE));
  outcome("full", write(ends[1], area + 24 * PAGE, 8 * PAGE));
  mprotect(area + 40 * PAGE, PAGE, PROT_READ);
  outcome("read into what may not be written", read(ends[0], area + 40 * PAGE, 8 * PAGE));
  outcome("read up to it", read(ends[0], area + 32 * PAGE, 16 * PAGE));
  close(ends[0]);
  signal(SIGPIPE, SIG_IGN);
  outcome("without a reader", write(ends[1], area + 24 * PAGE, 8 * PAGE));
}

int main(void) {
  unsigned char *private = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *shared = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  through("whole pages", private, 16 * PAGE, 20, AREA);
  through("more than a pipe holds", private, 40 * PAGE, 8, 16 * PAGE);
  through("odd lengths", private, 9 * PAGE + 123, 20, AREA);
  through("odd parts", private, 16 * PAGE, 20, 5000);
  through("large odd parts", private, 24 * PAGE, 12, 20001);
  through("not at a page's begin", private + 100, 16 * PAGE, 10, 10 * PAGE);
  through("shared memory", shared, 16 * PAGE, 10, AREA);
  faults();
  return 0;
}
