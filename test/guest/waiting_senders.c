// Who waits for room to send: what the end of the other side tells it, by which errno and with which signal, and that a larger
// buffer (SO_SNDBUF), set by somebody else, is room.
//@ needs: tcp sockets threads signals
#include "tcp.h"
#include <pthread.h>

static char big[1 << 20];
static int s[2];
static volatile int pipes;

static void counts(int signal) {
  if (signal == SIGPIPE) pipes++;
}

static void fill(void) {
  while (SYS_6(SYS_sendto, s[0], big, 1000, MSG_DONTWAIT, 0, 0) > 0) {
  }
}

static void *closes(void *unused) {
  until_asleep(getpid());
  close(s[1]);
  return unused;
}

static void *reads_no_more(void *unused) {
  until_asleep(getpid());
  shutdown(s[1], SHUT_RD);
  return unused;
}

static void *sends_no_more(void *unused) {
  until_asleep(getpid());
  shutdown(s[0], SHUT_WR);
  return unused;
}

static void tell(const char *what, long n) {
  const char *said = failed(n) ? error_name(n) : n > 0 ? "a part" : "nothing";
  say("  %s: %s, %d SIGPIPE", what, said, pipes);
  pipes = 0;
}

static void ends(const char *name, int type, void *(*how)(void *), int isPart) {
  pthread_t thread;
  if (socketpair(AF_UNIX, type, 0, s)) _exit(90);
  if (!isPart) fill();
  say("%s%s:", name, isPart ? ", a part is sent" : "");
  pthread_create(&thread, NULL, how, NULL);
  long size = isPart ? sizeof big : 100;
  tell("who waits", SYS_6(SYS_sendto, s[0], big, size, 0, 0, 0));
  pthread_join(thread, NULL);
  tell("then", SYS_6(SYS_sendto, s[0], big, 100, 0, 0, 0));
  tell("then, without a signal", SYS_6(SYS_sendto, s[0], big, 100, MSG_NOSIGNAL, 0, 0));
  say_error("  error", s[0]);
  tell("receive", SYS_6(SYS_recvfrom, s[0], big, 10, MSG_DONTWAIT, 0, 0));
  close(s[0]);
  close(s[1]);
}

static volatile struct sender {
  int tid;
  long result;
} senders[2];

static void *sends(void *sender) {
  struct sender *own = sender;
  own->tid = gettid();
  own->result = SYS_6(SYS_sendto, s[0], big, 100, 0, 0, 0);
  return NULL;
}

// Of two that wait one is told of what was lost.

static void two_wait(void) {
  pthread_t threads[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s)) _exit(90);
  fill();
  for (int i = 0; i < 2; i++) {
    pthread_create(&threads[i], NULL, sends, (void *)&senders[i]);
    while (!senders[i].tid)
      usleep(1000);
    until_asleep(senders[i].tid);
  }
  close(s[1]);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  int resets = (senders[0].result == -ECONNRESET) + (senders[1].result == -ECONNRESET);
  int ended = (senders[0].result == -EPIPE) + (senders[1].result == -EPIPE);
  say("of two: ECONNRESET %d, EPIPE %d, %d SIGPIPE", resets, ended, pipes);
  close(s[0]);
}

static int wanted;

static void *grows(void *unused) {
  until_asleep(getpid());
  setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
  return unused;
}

// Who is not woken is interrupted.
static void more_room(const char *name, int type, int size) {
  pthread_t thread;
  int small = 5000;
  union name n;
  if (type)
    socketpair(AF_UNIX, type, 0, s);
  else {
    int fd = listening(1, &n);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    s[0] = tcp();
    setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    if (connect(s[0], &n.any, size_of())) _exit(91);
    s[1] = accept(fd, NULL, NULL);
    close(fd);
  }
  setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  fill();
  if (!type)
    for (int i = 0; i < 10; i++)
      usleep(50000), fill();
  wanted = size;
  alarm(10);
  pthread_create(&thread, NULL, grows, NULL);
  long result = SYS_6(SYS_sendto, s[0], big, 100, 0, 0, 0);
  alarm(0);
  say("%s, %d bytes: %s", name, size, result == 100 ? "sent" : failed(result) ? error_name(result) : "?");
  pthread_join(thread, NULL);
  close(s[0]);
  close(s[1]);
}

int main(void) {
  struct sigaction action = {.sa_handler = counts};
  sigaction(SIGPIPE, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  for (int i = 0; i < 2; i++) {
    ends("a stream's other end is closed", SOCK_STREAM, closes, i);
    ends("it reads no more", SOCK_STREAM, reads_no_more, i);
    ends("this end sends no more", SOCK_STREAM, sends_no_more, i);
  }
  ends("the other end of packets is closed", SOCK_SEQPACKET, closes, 0);
  ends("it reads no more", SOCK_SEQPACKET, reads_no_more, 0);
  ends("this end sends no more", SOCK_SEQPACKET, sends_no_more, 0);
  ends("the other end of datagrams is closed", SOCK_DGRAM, closes, 0);
  two_wait();
  more_room("a stream", SOCK_STREAM, 100000);
  more_room("packets", SOCK_SEQPACKET, 100000);
  more_room("datagrams", SOCK_DGRAM, 100000);
  more_room("TCP", 0, 1000000);
  return 0;
}
