// As many contexts of asynchronous I/O as there can be, and events that nobody takes; contexts that end while others
// submit to them and wait for them; their users killed; pages of contexts that are others'; pointers into what is not
// the guest's.
//@ args-once:
//@ ends: 0
//@ deadline: 120
#include "hostile.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/wait.h>

static int file;
static char byte[64];
static volatile aio_context_t shared;

static struct iocb reads(void) {
  return (struct iocb){
      .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = file, .aio_buf = (unsigned long)byte, .aio_nbytes = 16};
}

static void many(void) {
  static aio_context_t contexts[70000];
  int n = 0;
  while (n < 70000 && !failed(SYS_2(SYS_io_setup, 100, &contexts[n])))
    n++;
  if (n == 70000) say("BAD: %d contexts", n);
  struct iocb one = reads(), *list = &one;
  for (int i = 0; i < n; i++)
    for (int events = 0;; events++) {
      if (failed(SYS_3(SYS_io_submit, contexts[i], 1, &list))) break;
      if (events > 10000) say("BAD: %d events", events);
    }
  for (int i = 0; i < n; i += 2)
    SYS_1(SYS_io_destroy, contexts[i]);
  // The others go with their address space.
}

static void *submits(void *unused) {
  struct iocb one = reads(), *list[8];
  for (int i = 0; i < 8; i++)
    list[i] = &one;
  for (;;)
    SYS_3(SYS_io_submit, shared, 8, list);
  return unused;
}

static void *takes(void *unused) {
  struct io_event got[8];
  for (;;)
    SYS_5(SYS_io_getevents, shared, 8, 8, got, 0);
  return unused;
}

static void races(void) {
  pthread_t thread;
  aio_context_t next = 0;
  SYS_2(SYS_io_setup, 50, &next);
  shared = next;
  for (int i = 0; i < 2; i++)
    pthread_create(&thread, 0, submits, 0), pthread_create(&thread, 0, takes, 0);
  for (int i = 0; i < 300; i++) {
    next = 0;
    if (failed(SYS_2(SYS_io_setup, 50, &next))) say("BAD: contexts are not given back");
    aio_context_t last = shared;
    shared = next;
    SYS_1(SYS_io_destroy, last);
    usleep(1000);
  }
  _exit(0);
}

static void others_pages(void) {
  aio_context_t one = 0, two = 0;
  SYS_2(SYS_io_setup, 10, &one);
  // What it stands on is somebody else's by now, and is unmapped with it; or another context's.
  mmap((void *)one, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  munmap((void *)one, PAGE);
  SYS_2(SYS_io_setup, 10, &two);
  SYS_1(SYS_io_destroy, one);
  SYS_1(SYS_io_destroy, two);
}

static void pointers(void) {
  aio_context_t context = 0;
  SYS_2(SYS_io_setup, 10, &context);
  static const unsigned long places[] = {RF_WINDOW_BASE, RF_CHUNKS, RF_KERNEL_PAGE, RF_TASK_SIZE - 8,
                                         ~0ul - 8};
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    unsigned long at = places[i];
    struct iocb one = reads(), *list = &one;
    SYS_2(SYS_io_setup, 10, at);
    SYS_3(SYS_io_submit, context, 3, at);
    list = (struct iocb *)at;
    SYS_3(SYS_io_submit, context, 1, &list);
    list = &one;
    one.aio_buf = at;
    long done = SYS_3(SYS_io_submit, context, 1, &list);
    struct io_event got = {0};
    if (done == 1 && SYS_5(SYS_io_getevents, context, 0, 1, &got, 0) == 1 && got.res > 0)
      say("BAD: read to %lx: %lld", at, got.res);
    one.aio_lio_opcode = IOCB_CMD_PREADV;
    SYS_3(SYS_io_submit, context, 1, &list);
    one = reads();
    SYS_3(SYS_io_submit, context, 1, &list);
    if (!failed(SYS_5(SYS_io_getevents, context, 1, 1, at, 0))) say("BAD: events at %lx", at);
    SYS_3(SYS_io_cancel, context, at, at);
    SYS_6(SYS_io_pgetevents, context, 0, 1, &got, 0, at);
  }
}

static void killed(void) {
  for (int i = 0; i < 40; i++) {
    pid_t child = fork();
    if (child == 0) races();
    usleep(1000 + i * 500);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
}

int main(void) {
  file = open("/proc/self/exe", O_RDONLY);
  if (fork() == 0) many(), _exit(0);
  wait(NULL);
  if (fork() == 0) races(), _exit(0);
  wait(NULL);
  others_pages();
  pointers();
  killed();
  for (int i = 0; i < 450; i++) {
    aio_context_t context = 0;
    if (failed(SYS_2(SYS_io_setup, 100, &context))) say("BAD: contexts of the dead are in the way");
  }
  return 0;
}
