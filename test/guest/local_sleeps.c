// Sleeps that a sandbox may do without its kernel: handlers and stops that come at any moment of them, what
// is left, ends that are not put off by interruptions, and a sleeper's end by a signal.
//@ needs: clocks signals fork threads timers
//@ cflags: -pthread
//@ deadline: 60
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>

SITE_WITH((const struct timespec *, struct timespec *), nanosleep_site, 35);
SITE_WITH((long, long, const struct timespec *), clock_site, 230);

#define MS 1000000l
#define SLACK (MS / 5) // of the timer, which Linux counts in what is left
static volatile int handled;

static void on_alarm(int signo) {
  (void)signo;
  handled++;
}

static long long now(int clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void after(long us) {
  struct itimerval timer = {.it_value = {0, us}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static int ends_by(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

static atomic_int stop;
static pthread_t sleeper;

static void *storm(void *unused) {
  (void)unused;
  unsigned random = 1;
  while (!stop) {
    random = random * 1103515245 + 12345;
    struct timespec pause = {0, random >> 16 & 0x1ffff};
    nanosleep(&pause, NULL);
    pthread_kill(sleeper, SIGALRM);
  }
  return NULL;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  struct timespec none = {0, 1}, left = {7, 7};
  int wrong = 0;
  for (int i = 0; i < WARM; i++)
    wrong += nanosleep_site(&none, &left) != 0 || left.tv_sec != 7 || clock_site(1, 0, &none) != 0;
  say("short ones: wrong %d", wrong);

  long long start = now(CLOCK_MONOTONIC);
  struct timespec request = {0, 30 * MS};
  value("30 ms", nanosleep_site(&request, &left));
  yes_no("not less", now(CLOCK_MONOTONIC) - start >= 30 * MS);
  start = now(CLOCK_MONOTONIC) + 30 * MS;
  struct timespec then = {start / 1000000000, start % 1000000000};
  value("until then", clock_site(CLOCK_MONOTONIC, TIMER_ABSTIME, &then));
  yes_no("not before", now(CLOCK_MONOTONIC) >= start);
  start = now(CLOCK_REALTIME) + 30 * MS;
  then = (struct timespec){start / 1000000000, start % 1000000000};
  value("until then by the clock on the wall", clock_site(CLOCK_REALTIME, TIMER_ABSTIME, &then));
  yes_no("not before", now(CLOCK_REALTIME) >= start);
  then.tv_sec = 1;
  value("until long ago", clock_site(CLOCK_REALTIME, TIMER_ABSTIME, &then));

  request = (struct timespec){100, 5};
  after(20000);
  start = now(CLOCK_MONOTONIC);
  value("a handler", nanosleep_site(&request, &left));
  long long slept = now(CLOCK_MONOTONIC) - start, rest = left.tv_sec * 1000000000ll + left.tv_nsec;
  yes_no("what is left", rest <= 100000000005 - 20 * MS + SLACK && rest + slept >= 99999999000);
  after(20000);
  then = (struct timespec){1ll << 40, 0};
  value("a handler, until then", clock_site(CLOCK_MONOTONIC, TIMER_ABSTIME, &then));
  after(20000);
  value("no place for what is left", nanosleep_site(&request, (void *)8));

  // A stop, and signals that are ignored, do not put off the end.
  pid_t child = fork();
  if (child == 0) {
    signal(SIGCONT, SIG_DFL);
    request = (struct timespec){0, 300 * MS};
    start = now(CLOCK_MONOTONIC);
    long result = nanosleep_site(&request, &left);
    slept = now(CLOCK_MONOTONIC) - start;
    _exit(result == 0 && slept >= 300 * MS ? 3 : 4);
  }
  for (int i = 0; i < 5; i++) {
    usleep(20000);
    kill(child, SIGSTOP);
    usleep(10000);
    kill(child, SIGCONT);
  }
  say("stopped and continued: %d", ends_by(child));
  child = fork();
  if (child == 0) {
    request.tv_sec = 1000;
    nanosleep_site(&request, NULL);
    _exit(1);
  }
  usleep(20000);
  kill(child, SIGTERM);
  say("a sleeper's end: %d", ends_by(child));

  // Handlers at any moment: a result and a rest that fit together, and an end in time.
  sleeper = pthread_self();
  pthread_t other;
  pthread_create(&other, NULL, storm, NULL);
  wrong = 0;
  start = now(CLOCK_MONOTONIC);
  for (int i = 0; i < 1500; i++) {
    request = (struct timespec){0, i % 100 * 1000};
    while (nanosleep_site(&request, &left) == -EINTR) {
      wrong += left.tv_sec < 0 || left.tv_nsec < 0 || left.tv_nsec > request.tv_nsec + SLACK;
      request = left;
    }
  }
  stop = 1;
  pthread_join(other, NULL);
  say("wrong %d, handlers ran: %d", wrong, handled > 50);
  return 0;
}
