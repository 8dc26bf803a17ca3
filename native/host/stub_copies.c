// Copies between memory of the kernel and of a stub that nobody waits for. No copy can be told how long it may take, and
// a stub can make one wait: its threads can keep the address space locked (a change of page tables of gigabytes takes the
// host a second), or put a page of a file where the kernel knows anonymous memory (docs/hardening.md, F12, F26). So whoever
// has made one wait is left alone for a hundred times as long, and everyone for four times as long: what is copied then
// goes through the window, where the stub waits for its own memory. A thread that others ran in place of was not made to
// wait: after a copy that took long, copies are asked for a while whether they have waited, and those count that have.
#include "host.h"

#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#define NS_PER_MS 1000000ll
// A mebibyte of cold memory takes less.
#define LONG_NS (10 * NS_PER_MS)
#define LEFT_ALONE 100
#define ALL_LEFT_ALONE 4
#define SLOW_MAX 64

// Of the calling thread, which is what was made to wait: whatever kernel's stub it was.
static __thread struct {
  int32_t pid;
  int64_t until_ns;
} slow[SLOW_MAX];
static __thread int64_t all_until_ns;
// No mark is younger: a look at it is mostly all.
static __thread int64_t any_until_ns;
static __thread int64_t watched_until_ns;

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 * NS_PER_MS + now.tv_nsec;
}

static int64_t waits(void) {
  struct rusage usage;
  return getrusage(RUSAGE_THREAD, &usage) < 0 ? 0 : usage.ru_nvcsw;
}

static int64_t later(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int is_slow(int32_t pid, int64_t now) {
  if (now >= any_until_ns) return 0;
  for (int i = 0; i < SLOW_MAX; i++)
    if (slow[i].pid == pid && now < slow[i].until_ns) return 1;
  return 0;
}

// In the place of the mark that ends first.
static void waited(int32_t pid, int64_t now, int64_t ns) {
  int at = 0;
  for (int i = 0; i < SLOW_MAX; i++) {
    if (slow[i].pid == pid) {
      at = i;
      break;
    }
    if (slow[i].until_ns < slow[at].until_ns) at = i;
  }
  int64_t since = slow[at].pid == pid ? later(now, slow[at].until_ns) : now;
  int64_t until = since + LEFT_ALONE * ns;
  slow[at].pid = pid;
  slow[at].until_ns = until;
  if (until > any_until_ns) any_until_ns = until;
  all_until_ns = later(now, all_until_ns) + ALL_LEFT_ALONE * ns;
}

enum need { COMES_OTHERWISE, COMES_ONLY_SO, GOES_ON };

typedef ssize_t (*copy_function)(pid_t, const struct iovec *, unsigned long, const struct iovec *,
                                 unsigned long, unsigned long);

static int64_t copy_pieces(copy_function how, int32_t pid, double address, size_t length,
                           const struct iovec *pieces, size_t count, enum need need) {
  int64_t began = now_ns();
  if (need < GOES_ON && is_slow(pid, began)) return -EFAULT;
  if (need == COMES_OTHERWISE && began < all_until_ns) return -EFAULT;
  int64_t waited_before = began < watched_until_ns ? waits() : -1;
  struct iovec remote = {(void *)(uint64_t)address, length};
  int64_t n = result_of(how(pid, pieces, count, &remote, 1, 0));
  int64_t now = now_ns();
  if (now - began < LONG_NS) return n;
  if (waited_before >= 0 && waits() > waited_before) waited(pid, now, now - began);
  watched_until_ns = later(watched_until_ns, now + LEFT_ALONE * (now - began));
  return n;
}

static int64_t copy(copy_function how, int32_t pid, double address, void *memory, size_t length,
                    enum need need) {
  struct iovec local = {memory, length};
  return copy_pieces(how, pid, address, length, &local, 1, need);
}

int64_t rf_empty_to_stub(int32_t pid, double address, size_t length, const struct iovec *pieces,
                         size_t count) {
  return copy_pieces(process_vm_writev, pid, address, length, pieces, count, COMES_OTHERWISE);
}

int64_t rf_fill_from_stub(int32_t pid, double address, size_t length, const struct iovec *pieces,
                          size_t count) {
  return copy_pieces(process_vm_readv, pid, address, length, pieces, count, COMES_OTHERWISE);
}

int64_t rf_copy_to_stub(int32_t pid, double address, void *from, size_t length) {
  return copy(process_vm_writev, pid, address, from, length, COMES_OTHERWISE);
}

int64_t rf_copy_from_stub(int32_t pid, double address, void *to, size_t length) {
  return copy(process_vm_readv, pid, address, to, length, COMES_OTHERWISE);
}

int64_t rf_read_stub(int32_t pid, double address, void *to, size_t length) {
  return copy(process_vm_readv, pid, address, to, length, COMES_ONLY_SO);
}

int64_t rf_go_on_to_stub(int32_t pid, double address, void *from, size_t length) {
  return copy(process_vm_writev, pid, address, from, length, GOES_ON);
}

int64_t rf_go_on_from_stub(int32_t pid, double address, void *to, size_t length) {
  return copy(process_vm_readv, pid, address, to, length, GOES_ON);
}
