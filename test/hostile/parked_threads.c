// F24: a host thread whose guest thread has ended waits for the next one. What stands in its slot meanwhile is forged:
// its answer, so that it goes on as nobody; that it has ended; a request of its own.
//@ args: answered
//@ args: ended
//@ args: requests
//@ args: notifies
//@ ends: 0 137 139
//@ deadline: 20
#include "hostile.h"
#include <linux/futex.h>
#include <pthread.h>

enum { RET = 1, SYSCALL = 1, ROUNDS = 60 };

static void *nothing(void *argument) {
  return argument;
}

// The slot of the second thread that a process has.
static unsigned long second(void) {
  return SLOT + RF_SLOT_SIZE;
}

static void answer(void) {
  uint64_t *record = (uint64_t *)quad_at(RF_REQUESTS + RF_REQUEST_SIZE);
  *(volatile uint64_t *)(second() + RF_REP_RESULT) = 0;
  *(volatile uint32_t *)(second() + RF_REPLY) = ((uint32_t)*record & ~15u) | RET;
  HOST_3(SYS_futex, second() + RF_REPLY, FUTEX_WAKE, 1);
}

// Where the thread that nobody is goes on: behind the call that has ended it.
static void *stay_and_notify(void *argument) {
  SYS_1(SYS_exit, 0);
  for (;;)
    HOST_2(RF_NR_TOKEN, 1, 1);
  return argument;
}

static void attack(const char *mode) {
  if (strcmp(mode, "ended") == 0) {
    *(volatile uint32_t *)(second() + RF_HOST_TASK) = 0;
    return;
  }
  if (strcmp(mode, "requests") == 0) {
    volatile uint64_t *record = quad_at(RF_REQUESTS + RF_REQUEST_SIZE);
    for (uint32_t kind = 1; kind < 9; kind++) {
      *record = (uint64_t)SYS_getppid << 32 | (uint32_t)(((*record >> 4) + RF_SEQUENCE_STEP) << 4) | kind;
      uint64_t one = 1;
      HOST_3(SYS_write, RF_DOORBELL_FD, &one, 8);
    }
    return;
  }
  answer();
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "answered";
  int notifies = strcmp(mode, "notifies") == 0;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_t threads[3];
    int made = 0;
    pthread_create(&threads[0], NULL, notifies ? stay_and_notify : nothing, NULL);
    usleep(3000);
    attack(mode);
    for (int k = 0; k < 3; k++)
      made += pthread_create(&threads[k], NULL, nothing, NULL) == 0;
    usleep(1000);
    if (getpid() != SYS_0(SYS_getpid)) bad("another process", made);
  }
  say("done");
  return 0;
}
