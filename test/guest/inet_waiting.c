// Waiting for datagrams between processes and threads: receives that wait, time-outs, signals, poll, select and epoll, a
// socket that others close or shut down meanwhile, and many datagrams in order.
//@ needs: sockets fork threads signals poll events
//@ cflags: -pthread
#include "guest.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

static struct sockaddr_in6 at(int port) {
  return (struct sockaddr_in6){
      .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
}

static int made(int port) {
  struct sockaddr_in6 n = at(port);
  int s = socket(AF_INET6, SOCK_DGRAM, 0);
  if (port) bind(s, (void *)&n, sizeof n);
  return s;
}

static long send_to(int s, int port, const char *text) {
  struct sockaddr_in6 n = at(port);
  return SYS_6(SYS_sendto, s, text, strlen(text), 0, &n, sizeof n);
}

static int s;
static char data[100];

static void *receiver(void *unused) {
  (void)unused;
  return (void *)SYS_6(SYS_recvfrom, s, data, sizeof data, 0, 0, 0);
}

static void on_alarm(int signal) {
  (void)signal;
}

static void *poller(void *unused) {
  (void)unused;
  struct pollfd p = {.fd = s, .events = POLLIN};
  long r = SYS_3(SYS_poll, &p, 1, 5000);
  return (void *)(r == 1 ? (long)p.revents : r);
}

static void waits(void) {
  pthread_t t;
  void *r;
  s = made(4500);
  int out = made(0);
  pthread_create(&t, 0, receiver, 0);
  usleep(20000);
  value("send", send_to(out, 4500, "woken"));
  pthread_join(t, &r);
  value("a receive that waited", (long)r);
  pthread_create(&t, 0, receiver, 0);
  usleep(20000);
  value("shut down meanwhile", SYS_2(SYS_shutdown, s, SHUT_RD));
  pthread_join(t, &r);
  value("it ends", (long)r);
  close(s);

  s = made(4501);
  pthread_create(&t, 0, poller, 0);
  usleep(20000);
  value("send", send_to(out, 4501, "polled"));
  pthread_join(t, &r);
  value("a poll", (long)r);
  close(s);

  // Closed while it is received from: the receive goes on, and what comes is its own.
  s = made(4502);
  int copy = s;
  pthread_create(&t, 0, receiver, 0);
  usleep(20000);
  value("close", SYS_1(SYS_close, copy));
  value("send", send_to(out, 4502, "late"));
  pthread_join(t, &r);
  value("a receive of a closed one", (long)r);

  // A connected one hears that nobody is there.
  s = made(0);
  struct sockaddr_in6 nobody = at(4599);
  connect(s, (void *)&nobody, sizeof nobody);
  pthread_create(&t, 0, receiver, 0);
  usleep(20000);
  value("write to nobody", SYS_3(SYS_write, s, "x", 1));
  pthread_join(t, &r);
  value("a receive that is told", (long)r);
  close(s);

  s = made(4503);
  struct timeval brief = {0, 30000};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
  value("for a while", (long)receiver(0));
  struct sigaction a = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &a, 0);
  struct itimerval soon = {.it_value = {0, 10000}};
  struct timeval none = {0, 0};
  setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
  setitimer(ITIMER_REAL, &soon, 0);
  value("until a signal", (long)receiver(0));
  fcntl(s, F_SETFL, O_NONBLOCK);
  value("not at all", (long)receiver(0));
  close(s), close(out);
}

static void sets(void) {
  int e = epoll_create1(0), x = made(4510), y = made(4511), out = made(0), n;
  struct epoll_event level = {.events = EPOLLIN, .data.u32 = 1},
                     edge = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u32 = 2}, got[4];
  epoll_ctl(e, EPOLL_CTL_ADD, x, &level), epoll_ctl(e, EPOLL_CTL_ADD, y, &edge);
  n = epoll_wait(e, got, 4, 0);
  say("at first %d: %u %x", n, got[0].data.u32, got[0].events);
  value("nothing new", epoll_wait(e, got, 4, 0));
  send_to(out, 4510, "a"), send_to(out, 4511, "b");
  n = epoll_wait(e, got, 4, 0);
  say("then %d", n);
  for (int i = 1; i <= 2; i++)
    for (int k = 0; k < n; k++)
      if (got[k].data.u32 == (unsigned)i) say("  %d: %x", i, got[k].events);
  n = epoll_wait(e, got, 4, 0);
  say("again %d: %u %x", n, got[0].data.u32, got[0].events);
  send_to(out, 4511, "c");
  n = epoll_wait(e, got, 4, 0);
  say("another %d", n);
  read(x, data, 10);
  value("x is empty", epoll_wait(e, got, 4, 0));
  shutdown(y, SHUT_RDWR);
  n = epoll_wait(e, got, 4, 0);
  say("shut down %d: %u %x", n, got[0].data.u32, got[0].events);
  fd_set in;
  FD_ZERO(&in);
  FD_SET(x, &in);
  struct timeval none = {0, 0};
  value("select", select(x + 1, &in, 0, 0, &none));
  send_to(out, 4510, "d");
  FD_SET(x, &in);
  value("select", select(x + 1, &in, 0, 0, 0));
  close(e), close(x), close(y), close(out);
}

static void processes(void) {
  int a = made(4520), done[2];
  pipe(done);
  pid_t pid = fork();
  if (pid == 0) {
    char text[20];
    long sum = 0;
    struct sockaddr_in6 from;
    for (int i = 0; i < 2000; i++) {
      socklen_t length = sizeof from;
      if (recvfrom(a, text, sizeof text, 0, (void *)&from, &length) < 1 || atoi(text) != i) _exit(1);
      sum += atoi(text);
      sendto(a, text, 4, 0, (void *)&from, length);
    }
    value("sum", sum);
    _exit(0);
  }
  int b = made(0), good = 0;
  struct sockaddr_in6 to = at(4520);
  connect(b, (void *)&to, sizeof to);
  for (int i = 0; i < 2000; i++) {
    char text[20], back[20];
    snprintf(text, sizeof text, "%04d", i);
    write(b, text, 5);
    if (read(b, back, sizeof back) == 4 && memcmp(text, back, 4) == 0) good++;
  }
  int status;
  waitpid(pid, &status, 0);
  say("status %d, %d came back", WEXITSTATUS(status), good);
  close(a), close(b);
}

static int on_io;
static void io(int signal) {
  (void)signal;
  on_io++;
}

static void asynchronous(void) {
  int a = made(4530), b = made(0);
  signal(SIGIO, io);
  fcntl(a, F_SETOWN, getpid());
  fcntl(a, F_SETFL, O_ASYNC);
  send_to(b, 4530, "x");
  for (int i = 0; i < 200 && !on_io; i++)
    usleep(5000);
  yes_no("a signal", on_io > 0);
  close(a), close(b);
}

int main(void) {
  waits();
  sets();
  processes();
  asynchronous();
  return 0;
}
