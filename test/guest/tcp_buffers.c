// Full buffers of TCP: who waits, who is told, how much there is, and time limits.
//@ needs: tcp
//@ args: 4
//@ args: 6
#include "tcp.h"
#include <pthread.h>
#include <sys/time.h>

static char block[65536];

// Until there is no more room, though what is delayed has been acknowledged.
static size_t fill(int fd) {
  size_t sum = 0, before;
  ssize_t n;
  int error = 0;
  do {
    before = sum;
    while ((n = send(fd, block, sizeof block, MSG_DONTWAIT)) > 0)
      sum += n;
    error = errno;
    usleep(100000);
  } while (sum > before);
  value("full", n < 0 ? -error : n);
  return sum;
}

static size_t drain(int fd, size_t max) {
  size_t sum = 0;
  ssize_t n;
  while (sum < max &&
         (n = recv(fd, block, max - sum < sizeof block ? max - sum : sizeof block, MSG_DONTWAIT)) > 0)
    sum += n;
  return sum;
}

static void *late_reader(void *arg) {
  usleep(50000);
  size_t sum = 0, all = *(size_t *)arg;
  while (sum < all) {
    ssize_t n = recv(server, block, sizeof block, 0);
    if (n <= 0) break;
    sum += n;
  }
  return sum == all ? arg : NULL;
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  join();
  size_t sum = fill(client);
  yes_no("more than 100 kB", sum > 100000);
  yes_no("less than 20 MB", sum < 20000000);
  say("not writable: %x", ready(client));
  yes_no("what is not acknowledged and what is not read is all",
         count_of(client, SIOCOUTQ) + count_of(server, SIOCINQ) >= (int)sum);
  // Linux finds room for a byte at the end of what waits, or not: of time limits it is known that they end.
  struct timeval brief = {0, 20000};
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof brief);
  long more = SYS_6(SYS_sendto, client, block, sizeof block, 0, 0, 0);
  yes_no("in time little more goes, or nothing", more == -EAGAIN || (more > 0 && more < (long)sizeof block));
  if (more > 0) sum += more;
  size_t got = drain(server, sum / 2 + sum / 4);
  say("writable: %x", ready_for(client, POLLOUT));
  for (int i = 0; i < 100 && got < sum; i++) {
    got += drain(server, sum - got);
    usleep(10000);
  }
  yes_no("all came", got == sum);
  say("empty: %d", count_of(server, FIONREAD));
  for (int i = 0; i < 100 && count_of(client, SIOCOUTQ) > 0; i++)
    usleep(10000);
  say("all acknowledged: %d, nothing left: %d", count_of(client, SIOCOUTQ), count_of(client, SIOCOUTQNSD));
  brief.tv_usec = 0;
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof brief);

  // One call that has more than there is room for waits, until it is all taken.
  sum = 8 << 20;
  char *large = calloc(1, sum);
  pthread_t thread;
  pthread_create(&thread, NULL, late_reader, &sum);
  value("a large send", SYS_6(SYS_sendto, client, large, sum, 0, 0, 0));
  void *read_all;
  pthread_join(thread, &read_all);
  yes_no("the reader has all", read_all != NULL);

  setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, (struct timeval[]){{0, 20000}}, sizeof brief);
  take("nothing in time", server, 9, 0);
  give("some", client, "abc", 0);
  take("what there is in time", server, 9, MSG_WAITALL);
  int low = 5;
  setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  give("three", client, "123", 0);
  say("below the mark: %x", ready(server));
  take("in time", server, 9, 0);
  give("three", client, "123", 0);
  give("and two", client, "45", 0);
  say("at the mark: %x", ready_for(server, POLLIN));
  take("all", server, 9, 0);

  // Small buffers.
  join();
  int small = 4096;
  setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  sum = fill(client);
  yes_no("less than 200 kB", sum < 200000);
  got = 0;
  for (int i = 0; i < 300 && got < sum; i++) {
    got += drain(server, sum - got);
    usleep(10000);
  }
  yes_no("all came", got == sum);

  // Corked: nothing goes until it is taken off, or a segment is full.
  join();
  int on = 1, off = 0;
  setsockopt(client, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
  give("corked", client, "cork", 0);
  take("nothing yet", server, 9, MSG_DONTWAIT);
  say("out %d, not sent %d", count_of(client, SIOCOUTQ), count_of(client, SIOCOUTQNSD));
  setsockopt(client, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
  take("now", server, 9, 0);
  give("more to come", client, "more", MSG_MORE);
  take("nothing yet", server, 9, MSG_DONTWAIT);
  give("the end", client, "end", 0);
  take("both", server, 9, 0);
  return 0;
}
