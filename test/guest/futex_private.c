// Private futexes between threads: who is woken, how many, by which bits; who is moved; what FUTEX_WAKE_OP
// does.
//@ needs: futex threads proc
//@ cflags: -pthread
#include "guest.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>

#define PRIVATE FUTEX_PRIVATE_FLAG
#define WAITERS 6

static int words[8];
static struct waiter {
  pthread_t thread;
  int *word, op, bits;
  volatile int tid, ended;
  long result;
} waiters[WAITERS];

static void *wait_for_it(void *argument) {
  struct waiter *me = argument;
  me->tid = gettid();
  me->result = SYS_6(SYS_futex, me->word, me->op, 0, 0, 0, me->bits);
  me->ended = 1;
  return NULL;
}

static char state_of(int tid) {
  char path[64], text[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  int fd = open(path, O_RDONLY);
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return '?';
  text[n] = 0;
  return strrchr(text, ')')[2];
}

// Until they sleep. Linux counts who is moved while others arrive more than once now and then.
static void await_sleep(int count) {
  for (int i = 0; i < count; i++)
    while (waiters[i].tid == 0 || state_of(waiters[i].tid) != 'S')
      usleep(1000);
  usleep(20000);
}

static void start(int count, int *word, int op) {
  for (int i = 0; i < count; i++) {
    waiters[i] = (struct waiter){.word = word, .op = op, .bits = 1 << i};
    pthread_create(&waiters[i].thread, NULL, wait_for_it, &waiters[i]);
  }
  await_sleep(count);
}

static int ended(int count) {
  int n = 0;
  for (int i = 0; i < count; i++)
    n += waiters[i].ended;
  return n;
}

static void join(int count) {
  int wrong = 0;
  for (int i = 0; i < count; i++) {
    pthread_join(waiters[i].thread, NULL);
    wrong += waiters[i].result != 0;
  }
  value(" waits that did not end with 0", wrong);
}

// Until so many have been woken: they come one after the other.
static void wake(int *word, int op, int count, int bits, long wanted) {
  long woken = 0, above = 0;
  while (woken < wanted) {
    long asked = count < wanted - woken ? count : wanted - woken;
    long n = SYS_6(SYS_futex, word, op, asked, 0, 0, bits);
    if (n < 0) {
      value(" wake", n);
      _exit(1);
    }
    woken += n;
    above += n > (asked ? asked : 1);
    sched_yield();
  }
  say(" woken %ld, never more than asked for: %s", woken, above ? "no" : "yes");
}

// Moves so many at most; how many it were.
static long moved(int op, int *from, int *to, long count) {
  return SYS_6(SYS_futex, from, op, 0, count, to, 0);
}

int main(void) {
  say("by their number");
  start(WAITERS, &words[0], FUTEX_WAIT | PRIVATE);
  wake(&words[0], FUTEX_WAKE | PRIVATE, 1, 0, 1);
  wake(&words[0], FUTEX_WAKE | PRIVATE, 2, 0, 2);
  wake(&words[0], FUTEX_WAKE | PRIVATE, 0, 0, 1);
  wake(&words[0], FUTEX_WAKE | PRIVATE, 100, 0, 2);
  join(WAITERS);
  value(" and nobody more", SYS_3(SYS_futex, &words[0], FUTEX_WAKE | PRIVATE, 100));

  say("by their bits");
  start(WAITERS, &words[0], FUTEX_WAIT_BITSET | PRIVATE);
  wake(&words[0], FUTEX_WAKE_BITSET | PRIVATE, 100, 0x28, 2);
  while (ended(WAITERS) < 2)
    sched_yield();
  yes_no(" those", waiters[3].ended && waiters[5].ended);
  value(" not with these bits", SYS_6(SYS_futex, &words[0], FUTEX_WAKE_BITSET | PRIVATE, 100, 0, 0, 0x140));
  wake(&words[0], FUTEX_WAKE | PRIVATE, 100, 0, 4);
  join(WAITERS);

  say("moved");
  start(WAITERS, &words[1], FUTEX_WAIT | PRIVATE);
  value(" three", moved(FUTEX_REQUEUE | PRIVATE, &words[1], &words[2], 3));
  value(" the word differs", SYS_6(SYS_futex, &words[1], FUTEX_CMP_REQUEUE | PRIVATE, 0, 9, &words[2], 7));
  value(" the rest", moved(FUTEX_CMP_REQUEUE | PRIVATE, &words[1], &words[2], 9));
  value(" nobody is left", SYS_3(SYS_futex, &words[1], FUTEX_WAKE | PRIVATE, 100));
  long one = SYS_6(SYS_futex, &words[2], FUTEX_CMP_REQUEUE | PRIVATE, 1, 2, &words[3], 0);
  value(" one woken and two moved", one);
  value(" who was moved", SYS_3(SYS_futex, &words[3], FUTEX_WAKE | PRIVATE, 100));
  value(" who was not", SYS_3(SYS_futex, &words[2], FUTEX_WAKE | PRIVATE, 100));
  join(WAITERS);
  value(" a negative count", SYS_6(SYS_futex, &words[1], FUTEX_REQUEUE | PRIVATE, -1, 1, &words[2], 0));
  value(" a negative count to move",
        SYS_6(SYS_futex, &words[1], FUTEX_REQUEUE | PRIVATE, 1, -1, &words[2], 0));

  for (int shared = 0; shared < 2; shared++) {
    int private = shared ? 0 : PRIVATE;
    say("an operation and two wakes, %s", shared ? "shared" : "private");
    static const int operations[] = {FUTEX_OP_SET, FUTEX_OP_ADD, FUTEX_OP_OR, FUTEX_OP_ANDN, FUTEX_OP_XOR};
    for (int i = 0; i < 5; i++) {
      words[5] = 12;
      long result = SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, &words[5],
                          FUTEX_OP(operations[i], 10, FUTEX_OP_CMP_EQ, 12));
      say(" operation %d: %ld, %d", i, result, words[5]);
    }
    words[5] = 12;
    long shifted = SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, &words[5],
                         FUTEX_OP((FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 30, FUTEX_OP_CMP_EQ, 12));
    say(" shifted: %ld, %x", shifted, words[5]);
    value(" no such operation",
          SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, &words[5], FUTEX_OP(5, 1, 0, 0)));
    words[5] = 1;
    value(" no such comparison", SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, &words[5],
                                       FUTEX_OP(FUTEX_OP_SET, 9, 6, 0)));
    value(" which has changed the word", words[5]);
    value(" unaligned", SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, (char *)&words[5] + 1, 0));
    value(" nowhere", SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 1, 8, 0));
    value(" first unaligned", SYS_6(SYS_futex, (char *)&words[4] + 1, FUTEX_WAKE_OP | private, 1, 1, 8, 0));
  }
  static const struct {
    int how, with, both;
  } comparisons[] = {{FUTEX_OP_CMP_EQ, -5, 1}, {FUTEX_OP_CMP_NE, -5, 0}, {FUTEX_OP_CMP_LT, -4, 1},
                     {FUTEX_OP_CMP_LE, -6, 0}, {FUTEX_OP_CMP_GT, -6, 1}, {FUTEX_OP_CMP_GE, -4, 0}};
  for (int i = 0; i < 6; i++) {
    int private = i % 2 ? PRIVATE : 0;
    // Two waiters on the first word, two on the second; FUTEX_WAKE_OP with a count of 0 wakes one.
    for (int k = 0; k < 4; k++) {
      waiters[k] = (struct waiter){.word = &words[k < 2 ? 4 : 5], .op = FUTEX_WAIT | private};
      words[5] = 0;
      pthread_create(&waiters[k].thread, NULL, wait_for_it, &waiters[k]);
    }
    await_sleep(4);
    words[5] = -5;
    int code = FUTEX_OP(FUTEX_OP_ADD, 1, comparisons[i].how, comparisons[i].with & 0xfff);
    long n = SYS_6(SYS_futex, &words[4], FUTEX_WAKE_OP | private, 1, 0, &words[5], code);
    say("comparison %d: woken %ld, word %d, as it should be: %s", comparisons[i].how, n, words[5],
        n == 1 + comparisons[i].both ? "yes" : "no");
    for (int k = 4; k < 6; k++)
      SYS_3(SYS_futex, &words[k], FUTEX_WAKE | private, 9);
    join(4);
  }
  return 0;
}
