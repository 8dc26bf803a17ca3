// Copies of memory of stubs (native/host/stub_copies.c) with a clock and copies of this program: who makes one wait is
// left alone. Prints what was copied, one line a step.
#include "../../native/host/host.h"
#include <stdio.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

int64_t rf_copy_to_stub(int32_t pid, double address, void *from, size_t length);
int64_t rf_copy_from_stub(int32_t pid, double address, void *to, size_t length);
int64_t rf_read_stub(int32_t pid, double address, void *to, size_t length);

static int64_t now_ms = 1000000, takes_ms;
static long waits;
static int is_preempted;

int clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  *time = (struct timespec){now_ms / 1000, now_ms % 1000 * 1000000};
  return 0;
}

int getrusage(int who, struct rusage *usage) {
  (void)who;
  usage->ru_nvcsw = waits;
  return 0;
}

ssize_t process_vm_readv(pid_t pid, const struct iovec *local, unsigned long locals,
                         const struct iovec *remote, unsigned long remotes, unsigned long flags) {
  (void)pid, (void)locals, (void)remote, (void)remotes, (void)flags;
  now_ms += takes_ms;
  if (!is_preempted) waits += takes_ms > 0;
  return (ssize_t)local->iov_len;
}

ssize_t process_vm_writev(pid_t pid, const struct iovec *local, unsigned long locals,
                          const struct iovec *remote, unsigned long remotes, unsigned long flags) {
  return process_vm_readv(pid, local, locals, remote, remotes, flags);
}

static void step(const char *what, int pid, int64_t later_ms, int64_t takes) {
  char bytes[8];
  now_ms += later_ms;
  takes_ms = takes;
  int in = rf_copy_from_stub(pid, 4096, bytes, sizeof bytes) > 0;
  takes_ms = 0;
  int out = rf_copy_to_stub(pid, 4096, bytes, sizeof bytes) > 0;
  int read = rf_read_stub(pid, 4096, bytes, sizeof bytes) > 0;
  printf("%s: %d %d %d\n", what, in, out, read);
}

int main(void) {
  char part;
  step("short", 7, 0, 9);
  step("perhaps it was made to wait", 7, 0, 20);
  step("long", 7, 0, 20);
  step("another at once", 8, 0, 0);
  step("another later", 8, 80, 0);
  step("the same", 7, 1900, 0);
  step("the same later", 7, 20, 0);
  is_preempted = 1;
  step("others ran", 7, 0, 30);
  step("others ran again", 7, 0, 30);
  is_preempted = 0;
  step("it waits again", 7, 2000, 20);
  now_ms += 2100;
  for (int pid = 100; pid < 300; pid++) {
    now_ms += 40;
    takes_ms = 10;
    char byte;
    rf_copy_from_stub(pid, 4096, &byte, 1);
  }
  step("the last of many", 299, 40, 0);
  step("one of them", 280, 0, 0);
  step("nobody of them", 9, 0, 0);
  // A transfer that has begun goes on, and all of its waits count.
  now_ms += 900;
  takes_ms = 10;
  rf_copy_from_stub(5, 4096, &part, 1);
  int goes_on = 0;
  for (int i = 0; i < 3; i++)
    goes_on += rf_go_on_from_stub(5, 4096, &part, 1) > 0 && rf_go_on_to_stub(5, 4096, &part, 1) > 0;
  printf("goes on: %d\n", goes_on);
  step("another after one wait", 6, 50, 0);
  step("another after all", 6, 250, 0);
  return 0;
}
