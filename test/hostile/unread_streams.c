// A reader that says it could not take what it was given, and has put something else in its place: who reads next gets what
// was sent, whether the bytes came by a read or in pieces.
//@ ends: 0
#include "hostile.h"
#include "streams.h"
#include <sys/uio.h>

#define SYSCALL 1
#define OUT_FAULT 7
#define LENGTH 24

static const char sent[] = "what the other side sent";

static void join(int domain) {
  int fds[2];
  if (domain != AF_UNIX) {
    join_by_tcp();
    return;
  }
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds)) _exit(96);
  client = fds[0], server = fds[1];
}

// The reply to a call that is posted by hand.
static uint32_t call(long nr, long a, const void *b, long c) {
  *quad_at(RF_RDI) = a;
  *quad_at(RF_RSI) = (uint64_t)b;
  *quad_at(RF_RDX) = c;
  *quad_at(RF_R10) = 0;
  *quad_at(RF_R8) = 0;
  *quad_at(RF_R9) = 0;
  *quad_at(RF_ORIG_RAX) = nr;
  if (nr == SYS_readv) {
    memcpy((char *)SLOT + RF_WINDOW, b, c * sizeof(struct iovec));
    *word_at(RF_REQ_IN_LENGTH) = c * sizeof(struct iovec);
  }
  return reply_to(forge(SYSCALL), 2000);
}

// Told to the kernel thread that gave the reply.
static uint32_t say_fault(void) {
  static const uint64_t one = 1;
  uint32_t thread = *word_at(RF_REP_COUNT) >> RF_REP_THREAD_SHIFT;
  volatile uint32_t *record = word_at(RF_REQUESTS + thread * RF_REQUESTS_STRIDE);
  uint32_t sequence = (((*record >> 4 & -RF_SEQUENCE_STEP) + RF_SEQUENCE_STEP) & RF_SEQUENCE_MASK) | thread;
  *quad_at(RF_REQ_VALUE) = 0;
  __atomic_exchange_n(record, sequence << 4 | OUT_FAULT, __ATOMIC_SEQ_CST);
  HOST_3(SYS_write, RF_DOORBELL_FD + thread, &one, 8);
  return reply_to(sequence, 2000);
}

int main(void) {
  char *buffer = pages(1);
  struct iovec pieces[] = {{buffer, 10}, {buffer + 100, LENGTH - 10}};
  for (int i = 0; i < 4; i++) {
    join(i < 2 ? AF_INET : AF_UNIX);
    if (write(client, sent, LENGTH) != LENGTH) bad("write", -errno);
    uint32_t code = i & 1 ? call(SYS_readv, server, pieces, 2) : call(SYS_read, server, buffer, LENGTH);
    memset((char *)SLOT + RF_WINDOW, 'X', 4096);
    if (!code || !say_fault()) bad("no reply", 0);
    char next[LENGTH + 1] = "";
    long n = SYS_6(SYS_recvfrom, server, next, LENGTH, MSG_DONTWAIT, 0, 0);
    if (n != LENGTH || memcmp(next, sent, LENGTH)) say("BAD %ld, %s", n, next);
    close(client), close(server);
  }
  say("done");
  return 0;
}
