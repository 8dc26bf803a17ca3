// A byte to another process or thread and back, by several ways: begin_* starts the other side, loop_* does
// the round trips, end_* ends it. The other side ends when its input does.
#ifndef RINGFENCE_BENCH_ROUND_TRIPS_H
#define RINGFENCE_BENCH_ROUND_TRIPS_H

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

struct end {
  int in, out, set; // set: an epoll set with `in`, or -1
};

static struct end mine;
static pid_t other;

static void make_set(struct end *end) {
  struct epoll_event event = {.events = EPOLLIN};
  CHECK((end->set = epoll_create1(0)) >= 0);
  CHECK(epoll_ctl(end->set, EPOLL_CTL_ADD, end->in, &event) == 0);
  CHECK(fcntl(end->in, F_SETFL, O_NONBLOCK) == 0);
}

static bool take(const struct end *end) {
  struct epoll_event event;
  char byte;
  if (end->set >= 0) CHECK(epoll_wait(end->set, &event, 1, -1) == 1);
  return read(end->in, &byte, 1) == 1;
}

static void give(const struct end *end) {
  CHECK(write(end->out, "x", 1) == 1);
}

static void start_other(struct end us, struct end them, bool by_epoll) {
  mine = us;
  other = fork();
  CHECK(other >= 0);
  if (other == 0) {
    close(us.in);
    if (us.out != us.in) close(us.out);
    if (by_epoll) make_set(&them);
    while (take(&them))
      give(&them);
    _exit(0);
  }
  close(them.in);
  if (them.out != them.in) close(them.out);
  if (by_epoll) make_set(&mine);
}

static void end_processes(void) {
  close(mine.in);
  if (mine.out != mine.in) close(mine.out);
  if (mine.set >= 0) close(mine.set);
  CHECK(waitpid(other, NULL, 0) == other);
}

static void begin_pipes(void) {
  int there[2], back[2];
  CHECK(pipe(there) == 0 && pipe(back) == 0);
  start_other((struct end){back[0], there[1], -1}, (struct end){there[0], back[1], -1}, false);
}

static void begin_sockets(bool by_epoll) {
  int pair[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  start_other((struct end){pair[0], pair[0], -1}, (struct end){pair[1], pair[1], -1}, by_epoll);
}

static void begin_unix(void) {
  begin_sockets(false);
}
static void begin_unix_epoll(void) {
  begin_sockets(true);
}

static void loop_processes(long count) {
  while (count--) {
    give(&mine);
    CHECK(take(&mine));
  }
}

// Semaphores, which wait and wake by futex.
static sem_t there, back;
static pthread_t answerer;
static volatile bool answering;

static void *answer(void *none) {
  while (true) {
    sem_wait(&there);
    if (!answering) return none;
    sem_post(&back);
  }
}

static void begin_threads(void) {
  answering = true;
  CHECK(sem_init(&there, 0, 0) == 0 && sem_init(&back, 0, 0) == 0);
  CHECK(pthread_create(&answerer, NULL, answer, NULL) == 0);
}

static void loop_threads(long count) {
  while (count--) {
    sem_post(&there);
    sem_wait(&back);
  }
}

static void end_threads(void) {
  answering = false;
  sem_post(&there);
  CHECK(pthread_join(answerer, NULL) == 0);
}

// Signals that are blocked and waited for.
static pid_t signaller;

static void begin_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
  pid_t parent = getpid();
  signaller = fork();
  CHECK(signaller >= 0);
  if (signaller != 0) return;
  while (true) {
    int taken;
    sigwait(&set, &taken);
    if (taken == SIGUSR2) _exit(0);
    kill(parent, SIGUSR1);
  }
}

static void loop_signals(long count) {
  sigset_t set;
  int taken;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  while (count--) {
    CHECK(kill(signaller, SIGUSR1) == 0);
    CHECK(sigwait(&set, &taken) == 0);
  }
}

static void end_signals(void) {
  sigset_t set;
  CHECK(kill(signaller, SIGUSR2) == 0);
  CHECK(waitpid(signaller, NULL, 0) == signaller);
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGUSR2);
  CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

#endif
