// A receive of a stream that waits for many bytes (MSG_WAITALL, SO_RCVLOWAT) ends at an urgent byte, where there is one, peeks
// as well; one of the urgent byte itself, or of errors, is over at once. Control messages are those of the last bytes. Who polls
// by edges is told of nothing that has not come.
//@ needs: tcp sockets threads
#include "tcp.h"
#include <pthread.h>
#include <sys/epoll.h>

static char *nowhere;

static void begin(int isInline, int low) {
  struct timeval soon = {0, 300000};
  join();
  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  setsockopt(server, SOL_SOCKET, SO_OOBINLINE, &isInline, sizeof isInline);
  setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
}

// Its last byte is urgent, and has come.
static void urgent(const char *text) {
  if (send(client, text, strlen(text), MSG_OOB) < 0) _exit(90);
  ready_for(server, POLLPRI);
}

static void sent(const char *text, int count) {
  if (write(client, text, strlen(text)) < 0) _exit(91);
  for (int i = 0; i < 500 && count_of(server, FIONREAD) != count; i++)
    usleep(2000);
}

static void mark(void) {
  say("%d to read, at the mark: %d", count_of(server, FIONREAD), count_of(server, SIOCATMARK));
}

static void *more(void *text) {
  until_asleep(getpid());
  if (write(client, text, strlen(text)) < 0) _exit(92);
  return NULL;
}

static void *more_urgent(void *text) {
  until_asleep(getpid());
  if (send(client, text, strlen(text), MSG_OOB) < 0) _exit(93);
  return NULL;
}

static void meanwhile(void *(*act)(void *), void *with, const char *what, size_t size, int flags) {
  pthread_t thread;
  pthread_create(&thread, NULL, act, with);
  take(what, server, size, flags);
  pthread_join(thread, NULL);
}

static void marks(int isInline) {
  say(isInline ? "inline:" : "apart:");
  begin(isInline, 1);
  sent("abc", 3);
  urgent("D");
  if (write(client, "efg", 3) < 0) _exit(94);
  while (!isInline && count_of(server, SIOCOUTQ) > 0)
    usleep(1000);
  take("peek for six", server, 6, MSG_PEEK | MSG_WAITALL);
  value("read to nowhere", SYS_3(SYS_read, server, nowhere, 3));
  mark();
  take("peek at what came back", server, 6, MSG_PEEK | MSG_WAITALL);
  take("six", server, 6, MSG_WAITALL);
  mark();
  take("peek from the mark", server, 3, MSG_PEEK | MSG_WAITALL);
  take("three from the mark", server, 3, MSG_WAITALL);
  begin(isInline, 5);
  sent("abc", 3);
  meanwhile(more_urgent, "de", "an urgent byte comes", 8, 0);
  begin(isInline, 1);
  sent("abc", 3);
  meanwhile(more_urgent, "d", "an urgent byte comes to a peek", 8, MSG_PEEK | MSG_WAITALL);
  take("those", server, 8, MSG_WAITALL);
}

static void apart(void) {
  begin(0, 5);
  urgent("D");
  meanwhile(more, "efghij", "peek from the mark", 6, MSG_PEEK | MSG_WAITALL);
  take("the urgent byte", server, 9, MSG_OOB | MSG_WAITALL);
  take("then", server, 3, 0);
  say_error("error", server);
  take("an error", server, 9, MSG_ERRQUEUE | MSG_WAITALL);
}

static void goes_on(void) {
  begin(0, 1);
  urgent("D");
  sent("efg", 3);
  meanwhile(more, "hij", "a peek goes on from the mark", 6, MSG_PEEK | MSG_WAITALL);
  take("those", server, 6, MSG_WAITALL);
}

static void told(const char *what, int flags) {
  pthread_t thread;
  int left = -1;
  char room[64], bytes[6];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = 64};
  pthread_create(&thread, NULL, more, "def");
  long n = SYS_3(SYS_recvmsg, server, &message, flags | MSG_WAITALL);
  pthread_join(thread, NULL);
  struct cmsghdr *first = CMSG_FIRSTHDR(&message);
  if (first) memcpy(&left, CMSG_DATA(first), sizeof left);
  say("%s: %ld, %.*s, %d left", what, n, (int)(n > 0 ? n : 0), bytes, left);
}

static void edge(const char *what, int set) {
  struct epoll_event got;
  int n = epoll_wait(set, &got, 1, 100);
  say("%s: %d %x", what, n, n > 0 ? got.events : 0);
}

// Where there is nothing to read another SO_RCVLOWAT is no edge.
static void no_edge(void) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET};
  int set = epoll_create1(0), low = 2;
  begin(0, 1);
  epoll_ctl(set, EPOLL_CTL_ADD, server, &event);
  edge("nothing to read", set);
  // What the connection's beginning has left may come late.
  struct epoll_event late;
  while (epoll_wait(set, &late, 1, 100) > 0)
    ;
  setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  edge("another mark", set);
  close(set);
}

static void edges(void) {
  struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
  int set = epoll_create1(0);
  begin(0, 4);
  epoll_ctl(set, EPOLL_CTL_ADD, server, &event);
  sent("0123456789", 10);
  edge("ten", set);
  take("five", server, 5, 0);
  edge("after five", set);
  take("peek", server, 4, MSG_PEEK);
  edge("after a peek", set);
  shutdown(client, SHUT_WR);
  edge("the end", set);
  take("all", server, 20, 0);
  take("nothing", server, 20, 0);
  edge("after the end", set);
  close(set);
}

int main(int argc, char **argv) {
  int on = 1;
  choose_family(argc, argv);
  nowhere = pages(1) + PAGE;
  marks(0);
  marks(1);
  apart();
  goes_on();
  begin(0, 1);
  setsockopt(server, SOL_TCP, TCP_INQ, &on, sizeof on);
  sent("abc", 3);
  told("a peek", MSG_PEEK);
  take("those", server, 6, MSG_WAITALL);
  sent("abc", 3);
  told("a read", 0);
  edges();
  no_edge();
  return 0;
}
