// Copies between memory of the kernel and of a stub that nobody waits for. No copy can be told how long it may take, and
// a stub can make one wait: its threads can keep the address space locked (a change of page tables of gigabytes takes the
// host a second), or put a page of a file where the kernel knows anonymous memory (docs/hardening.md, F12, F26). So whoever
// has made one wait is left alone for a hundred times as long, and everyone for four times as long: what is copied then
// goes through the window, where the stub waits for its own memory.
#include "host.h"

#include <sys/uio.h>
#include <time.h>

#define NS_PER_MS 1000000ll
// A mebibyte of cold memory takes less.
#define LONG_NS (10 * NS_PER_MS)
#define LEFT_ALONE 100
#define ALL_LEFT_ALONE 4
#define SLOW_MAX 64

static struct {
  int32_t pid;
  int64_t until_ns;
} slow[SLOW_MAX];
static int64_t all_until_ns;
// No mark is younger: a look at it is mostly all.
static int64_t any_until_ns;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static int is_slow(int32_t pid, int64_t now) {
  if (now >= any_until_ns) return 0;
  for (int i = 0; i < SLOW_MAX; i++)
    if (slow[i].pid == pid && now < slow[i].until_ns) return 1;
  return 0;
}

// In the place of the mark that ends first.
static void waited(int32_t pid, int64_t now, int64_t ns) {
  int64_t until = now + LEFT_ALONE * ns;
  int at = 0;
  for (int i = 1; i < SLOW_MAX; i++)
    if (slow[i].until_ns < slow[at].until_ns) at = i;
  slow[at].pid = pid;
  slow[at].until_ns = until;
  if (until > any_until_ns) any_until_ns = until;
  if (now + ALL_LEFT_ALONE * ns > all_until_ns) all_until_ns = now + ALL_LEFT_ALONE * ns;
}

typedef ssize_t (*copy_function)(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                                 unsigned long, unsigned long);

static int64_t copy(copy_function how, int32_t pid, double address, void *memory, size_t length,
                    int is_needed) {
  int64_t began = now_ns();
  if (is_slow(pid, began) || (!is_needed && began < all_until_ns)) return -EFAULT;
  struct iovec local = {memory, length}, remote = {(void *)(uint64_t)address, length};
  int64_t n = result_of(how(pid, &local, 1, &remote, 1, 0));
  int64_t now = now_ns();
  if (now - began >= LONG_NS) waited(pid, now, now - began);
  return n;
}

int64_t rf_copy_to_stub(int32_t pid, double address, void *from, size_t length) {
  return copy(process_vm_writev, pid, address, from, length, 0);
}

int64_t rf_copy_from_stub(int32_t pid, double address, void *to, size_t length) {
  return copy(process_vm_readv, pid, address, to, length, 0);
}

int64_t rf_read_stub(int32_t pid, double address, void *to, size_t length) {
  return copy(process_vm_readv, pid, address, to, length, 1);
}
