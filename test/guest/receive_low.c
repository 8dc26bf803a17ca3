// SO_RCVLOWAT and MSG_WAITALL of streams: who polls is told of as many bytes as are wanted, those among them that an earlier
// read could not take; a peek of TCP waits for as many as a read does, however many these are, and one of AF_UNIX does not.
//@ needs: tcp sockets threads
#include "tcp.h"
#include <pthread.h>
#include <sys/epoll.h>

#define MANY 150000

static unsigned char out[MANY], in[MANY];
static char *nowhere;
static int isTcp;

static void fresh(void) {
  int pair[2], size = MANY * 2;
  if (listener) close(listener), close(client), close(server);
  listener = 0;
  if (!isTcp) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) _exit(90);
    client = pair[0], server = pair[1], listener = dup(pair[0]);
    return;
  }
  union name n;
  listener = listening(1, &n);
  setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  client = tcp();
  if (connect(client, &n.any, size_of()) != 0) _exit(96);
  server = accept(listener, NULL, NULL);
}

static void low(int bytes) {
  if (setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) != 0) _exit(91);
}

static void there(int count) {
  for (int i = 0; i < 500 && count_of(server, FIONREAD) != count; i++)
    usleep(2000);
  if (count_of(server, FIONREAD) != count) say("there are %d", count_of(server, FIONREAD));
}

static void sent(const char *text, int count) {
  if (write(client, text, strlen(text)) < 0) _exit(92);
  there(count);
}

static void polled(const char *what) {
  struct epoll_event event = {.events = EPOLLIN}, got;
  int set = epoll_create1(0);
  epoll_ctl(set, EPOLL_CTL_ADD, server, &event);
  say("%s: %x, epoll %d", what, ready(server) & (POLLIN | POLLRDNORM | POLLRDHUP),
      epoll_wait(set, &got, 1, 0));
  close(set);
}

static void *later(void *text) {
  until_asleep(getpid());
  if (write(client, text, strlen(text)) < 0) _exit(93);
  return NULL;
}

static void *ends(void *unused) {
  until_asleep(getpid());
  shutdown(client, SHUT_WR);
  return unused;
}

static void meanwhile(void *(*act)(void *), void *with, const char *what, size_t size, int flags) {
  pthread_t thread;
  pthread_create(&thread, NULL, act, with);
  take(what, server, size, flags);
  pthread_join(thread, NULL);
}

static void marks(void) {
  fresh();
  low(10);
  sent("abc", 3);
  polled("three of ten");
  take("peek at once", server, 20, MSG_PEEK | MSG_DONTWAIT);
  take("peek with little room", server, 2, MSG_PEEK);
  value("read to nowhere", SYS_3(SYS_read, server, nowhere, 3));
  polled("three that came back");
  take("peek at those", server, 20, MSG_PEEK | MSG_DONTWAIT);
  sent("defghi", 9);
  polled("nine of ten");
  take("peek at both", server, 20, MSG_PEEK | MSG_DONTWAIT);
  take("peek with less room", server, 5, MSG_PEEK);
  sent("j", 10);
  say("ten: %x", ready_for(server, POLLIN) & POLLIN);
  polled("ten");
  value("read all to nowhere", SYS_3(SYS_read, server, nowhere, 10));
  polled("ten that came back");
  take("read a part", server, 4, 0);
  polled("six that came back");
  take("at once", server, 20, MSG_DONTWAIT);
  sent("abc", 3);
  meanwhile(later, "defghijklm", "peek", 20, MSG_PEEK);
  there(13);
  value("read a part to nowhere", SYS_3(SYS_read, server, nowhere, 5));
  meanwhile(later, "nop", "peek for all", 16, MSG_PEEK | MSG_WAITALL);
  polled("sixteen");
  take("read", server, 20, 0);
  low(1);
  sent("abc", 3);
  meanwhile(ends, NULL, "peek to the end", 20, MSG_PEEK | MSG_WAITALL);
  low(10);
  polled("the end");
  take("peek at the end", server, 20, MSG_PEEK | MSG_WAITALL);
  take("read to the end", server, 20, MSG_WAITALL);
  take("nothing", server, 20, MSG_PEEK);
}

static void *reads(void *unused) {
  take("a reader", server, 20, 0);
  return unused;
}

// A reader has taken some bytes and waits for others: who polls is told as if nobody read.
static void a_reader_waits(void) {
  pthread_t thread;
  fresh();
  low(10);
  sent("mno", 3);
  pthread_create(&thread, NULL, reads, NULL);
  there(0);
  polled("a reader has three");
  sent("0123456789", 0);
  pthread_join(thread, NULL);
  sent("abc", 3);
  polled("three are left");
  take("those", server, 20, MSG_DONTWAIT);
}

static volatile int poller;

static void *waits(void *unused) {
  poller = gettid();
  struct pollfd one = {server, POLLIN, 0};
  int n = poll(&one, 1, -1);
  say("poll: %d, %x", n, one.revents);
  return unused;
}

// A lower mark is told to who polls, also where what there is came back; a reader goes by that of its beginning.
static void lower(int cameBack) {
  pthread_t thread;
  fresh();
  low(10);
  sent("abc", 3);
  if (cameBack) value("read to nowhere", SYS_3(SYS_read, server, nowhere, 3));
  poller = 0;
  pthread_create(&thread, NULL, waits, NULL);
  while (!poller)
    usleep(1000);
  until_asleep(poller);
  low(2);
  pthread_join(thread, NULL);
  low(10);
  pthread_create(&thread, NULL, reads, NULL);
  there(0);
  low(1);
  sent("defg", 0);
  sent("hij", 0);
  pthread_join(thread, NULL);
}

static void *sends_many(void *unused) {
  for (size_t done = 0; done < MANY; done += 10000)
    if (write(client, out + done, 10000) != 10000) _exit(94);
  return unused;
}

static void many(void) {
  pthread_t thread;
  fresh();
  for (int i = 0; i < MANY; i++)
    out[i] = (unsigned char)(i * 31 + (i >> 8) * 7);
  pthread_create(&thread, NULL, sends_many, NULL);
  struct iovec parts[3] = {{in, 7}, {in + 7, 100000}, {in + 100007, MANY - 100007}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3, .msg_flags = -1};
  value("peek at many", SYS_6(SYS_recvfrom, server, in, MANY, MSG_PEEK | MSG_WAITALL, 0, 0));
  yes_no("those", !memcmp(in, out, MANY));
  pthread_join(thread, NULL);
  memset(in, 0, MANY);
  value("recvmsg, peeking", SYS_3(SYS_recvmsg, server, &message, MSG_PEEK));
  say("flags %x, %s", message.msg_flags, memcmp(in, out, MANY) ? "others" : "those");
  value("thrown away, peeking", SYS_6(SYS_recvfrom, server, in, MANY, MSG_PEEK | MSG_TRUNC, 0, 0));
  value("thrown away", SYS_6(SYS_recvfrom, server, in, 90000, MSG_TRUNC, 0, 0));
  memset(in, 0, MANY);
  value("the rest", SYS_6(SYS_recvfrom, server, in, MANY, MSG_DONTWAIT, 0, 0));
  yes_no("those", !memcmp(in, out + 90000, MANY - 90000));
}

// What recvmsg tells beside the bytes, also where it ends with fewer than it waited for.
static void told(void) {
  char room[64], bytes[20];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = 64};
  struct timeval soon = {0, 20000};
  message.msg_flags = -1;
  fresh();
  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  sent("abc", 3);
  value("recvmsg", SYS_3(SYS_recvmsg, server, &message, MSG_WAITALL));
  say("flags %x, %zu bytes of control", message.msg_flags, message.msg_controllen);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  nowhere = pages(1) + PAGE;
  for (isTcp = 0; isTcp < 2; isTcp++) {
    say(isTcp ? "TCP:" : "AF_UNIX:");
    marks();
    told();
  }
  isTcp = 1;
  a_reader_waits();
  lower(0);
  lower(1);
  many();
  return 0;
}
