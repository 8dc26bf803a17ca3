// Calls that do next to nothing: what is timed is the way into the kernel and back.
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

// As <linux/futex.h> has them, which is not there for every libc.
#define FUTEX_WAIT_PRIVATE 128
#define FUTEX_WAKE_PRIVATE 129

static void loop_getppid(long count) {
  while (count--)
    getppid();
}

// syscall(3) takes the number from a register: runtimes that look for `mov $n, %eax; syscall` find nothing
// there.
static void loop_getppid_generic(long count) {
  while (count--)
    syscall(SYS_getppid);
}

static long (*generated)(void);

// Code that lies in no file, as that of a JIT compiler does.
static void begin_generated(void) {
  static const uint8_t code[] = {0x90, 0xb8, SYS_getppid, 0, 0, 0, 0x90, 0x0f, 0x05, 0x90, 0xc3};
  uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  memcpy(page, code, sizeof code);
  CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
  generated = (long (*)(void))(uintptr_t)page;
}

static void loop_generated(long count) {
  while (count--)
    generated();
}

static void loop_getpid(long count) {
  while (count--)
    getpid();
}

static void loop_getuid(long count) {
  while (count--)
    getuid();
}

static void loop_clock_gettime(long count) {
  struct timespec now;
  while (count--)
    clock_gettime(CLOCK_MONOTONIC, &now);
}

static void loop_gettid(long count) {
  while (count--)
    gettid();
}

// The call itself, past the vDSO, from a site that makes this call alone.
static void loop_clock_call(long count) {
  struct timespec now;
  while (count--) {
    long result;
    __asm__ volatile("mov $228, %%eax\n syscall"
                     : "=a"(result)
                     : "D"(CLOCK_MONOTONIC), "S"(&now)
                     : "rcx", "r11", "memory");
  }
}

static void loop_sched_yield(long count) {
  while (count--)
    sched_yield();
}

static void loop_sigprocmask(long count) {
  sigset_t set;
  while (count--)
    sigprocmask(SIG_BLOCK, NULL, &set);
}

static uint32_t futex_word;

static void loop_futex_wake(long count) {
  while (count--)
    syscall(SYS_futex, &futex_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

// The word has another value: the call looks and returns.
static void loop_futex_wait(long count) {
  while (count--)
    syscall(SYS_futex, &futex_word, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void loop_lock(long count) {
  while (count--) {
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
  }
}

static int ready[2], set_of_ready;

static void begin_ready(void) {
  CHECK(pipe(ready) == 0 && write(ready[1], "x", 1) == 1);
  CHECK((set_of_ready = epoll_create1(0)) >= 0);
  struct epoll_event event = {.events = EPOLLIN};
  CHECK(epoll_ctl(set_of_ready, EPOLL_CTL_ADD, ready[0], &event) == 0);
}

static void end_ready(void) {
  close(ready[0]);
  close(ready[1]);
  close(set_of_ready);
}

static void loop_poll(long count) {
  struct pollfd descriptor = {.fd = ready[0], .events = POLLIN};
  while (count--)
    CHECK(poll(&descriptor, 1, -1) == 1);
}

static void loop_epoll_wait(long count) {
  struct epoll_event events[8];
  while (count--)
    CHECK(epoll_wait(set_of_ready, events, 8, -1) == 1);
}

static const struct subject subjects[] = {
    {.name = "getppid", .loop = loop_getppid},
    {.name = "getppid_generic", .loop = loop_getppid_generic},
    {.name = "getppid_generated", .loop = loop_generated, .begin = begin_generated},
    {.name = "getpid", .loop = loop_getpid},
    {.name = "gettid", .loop = loop_gettid},
    {.name = "getuid", .loop = loop_getuid},
    {.name = "clock_gettime", .loop = loop_clock_gettime},
    {.name = "clock_call", .loop = loop_clock_call},
    {.name = "sched_yield", .loop = loop_sched_yield},
    {.name = "sigprocmask", .loop = loop_sigprocmask},
    {.name = "futex_wake", .loop = loop_futex_wake},
    {.name = "futex_wait", .loop = loop_futex_wait},
    {.name = "lock", .loop = loop_lock},
    {.name = "poll", .loop = loop_poll, .begin = begin_ready, .end = end_ready},
    {.name = "epoll_wait", .loop = loop_epoll_wait, .begin = begin_ready, .end = end_ready},
};

int main(int argc, char **argv) {
  return BENCH_MAIN(subjects);
}
