// As many POSIX message queues, messages and priorities as there can be; queues whose users are killed while they wait,
// and that go with their namespace; pointers into what is not the guest's.
//@ args-once:
//@ ends: 0
//@ deadline: 120
#include "hostile.h"
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char text[1 << 20];

static long make(int number, long messages, long size) {
  char name[32];
  snprintf(name, sizeof name, "hostile%d", number);
  struct mq_attr sizes = {.mq_maxmsg = messages, .mq_msgsize = size};
  return SYS_4(SYS_mq_open, name, O_RDWR | O_CREAT | O_NONBLOCK, 0600, &sizes);
}

static void gone(int number) {
  char name[32];
  snprintf(name, sizeof name, "hostile%d", number);
  SYS_1(SYS_mq_unlink, name);
}

static int fill(long queue, long size, long most) {
  int sent = 0;
  while (sent < most && !failed(SYS_5(SYS_mq_timedsend, queue, text, size, sent * 7919u % 32768, 0)))
    sent++;
  return sent;
}

static void many(void) {
  int n = 0;
  for (; n < 100000; n++) {
    long queue = make(n, 10, 100);
    if (failed(queue)) break;
    SYS_5(SYS_mq_timedsend, queue, text, 100, n % 32768, 0);
    close(queue);
  }
  if (n >= 100000) say("BAD: %d queues", n);
  for (int i = 0; i < n; i++)
    gone(i);
}

static void large(void) {
  long queue = make(0, 65536, 100);
  if (failed(queue)) say("BAD: no queue of 65536 messages: %s", error_name(queue));
  fill(queue, 1, 65536);
  for (unsigned last = 32768, priority, i = 0; i < 65536; i++, last = priority) {
    char byte[100];
    if (failed(SYS_5(SYS_mq_timedreceive, queue, byte, sizeof byte, &priority, 0))) break;
    if (priority > last) say("BAD: %u behind %u", priority, last);
  }
  close(queue);
  gone(0);
  // More than the sandbox has: what does not fit is refused, and comes back with the queue.
  for (int round = 0; round < 3; round++) {
    int queues = 0, all = 0;
    for (; queues < 100; queues++) {
      queue = make(queues, 1000, sizeof text);
      if (failed(queue)) break;
      int sent = fill(queue, sizeof text, 1000);
      all += sent;
      close(queue);
      if (sent < 1000) break;
    }
    if (all >= 100000) say("BAD: %d MiB of messages", all);
    for (int i = 0; i <= queues; i++)
      gone(i);
  }
}

static void killed(void) {
  long queue = make(0, 1, 100);
  struct mq_attr waits = {0};
  SYS_3(SYS_mq_getsetattr, queue, &waits, 0);
  pid_t children[200];
  for (int i = 0; i < 200; i++)
    if ((children[i] = fork()) == 0) {
      for (;;)
        if (i % 2)
          SYS_5(SYS_mq_timedsend, queue, text, 100, 1, 0);
        else
          SYS_5(SYS_mq_timedreceive, queue, text, 100, 0, 0);
    }
  usleep(200000);
  for (int i = 0; i < 200; i++)
    kill(children[i], SIGKILL);
  while (wait(NULL) > 0)
    ;
  close(queue);
  gone(0);
}

static void pointers(void) {
  long queue = make(0, 10, 100);
  static const unsigned long places[] = {RF_WINDOW_BASE, RF_CHUNKS, RF_KERNEL_PAGE, RF_TASK_SIZE - 8,
                                         ~0ul - 8};
  for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
    unsigned long at = places[i];
    if (!failed(SYS_5(SYS_mq_timedsend, queue, at, 100, 0, 0))) say("BAD: sent from %lx", at);
    SYS_5(SYS_mq_timedsend, queue, text, 100, 0, 0);
    if (!failed(SYS_5(SYS_mq_timedreceive, queue, at, 100, 0, 0))) say("BAD: received at %lx", at);
    SYS_5(SYS_mq_timedsend, queue, text, 100, 0, 0);
    if (!failed(SYS_5(SYS_mq_timedreceive, queue, text, 100, at, 0))) say("BAD: told at %lx", at);
    SYS_3(SYS_mq_getsetattr, queue, at, at);
    SYS_2(SYS_mq_notify, queue, at);
    SYS_4(SYS_mq_open, at, O_CREAT, 0, at);
  }
  close(queue);
  gone(0);
}

static void namespaces(void) {
  for (int i = 0; i < 300; i++) {
    if (unshare(CLONE_NEWIPC)) break;
    long queue = make(0, 20, sizeof text);
    if (failed(queue)) say("BAD: queues of namespaces that are gone are in the way: %s", error_name(queue));
    if (fill(queue, sizeof text, 20) < 20) {
      // They go in pieces, behind the call.
      usleep(50000);
      if (fill(queue, sizeof text, 1) < 1) say("BAD: messages of namespaces that are gone are in the way");
    }
    close(queue);
  }
}

int main(void) {
  struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MSGQUEUE, &all);
  many();
  large();
  killed();
  pointers();
  namespaces();
  return 0;
}
