// A reader that says it could not take what it was given, and has put something else in its place: who reads next gets what
// was sent, whether the bytes came by a read or in pieces.
//@ ends: 0
#include "hostile.h"
#include "streams.h"
#include <sys/uio.h>
#include <sys/wait.h>

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

static volatile struct {
  int wanted, got;
  char bytes[LENGTH];
} * other;

// Reads as any program does, in a process of its own.
static void start_other(int *pid) {
  other->wanted = other->got = 0;
  if ((*pid = fork()) != 0) return;
  while (!other->wanted)
    ;
  other->got = (int)read(server, (char *)other->bytes, other->wanted);
  _exit(0);
}

static void expect(const char *what, int from, int length) {
  char next[LENGTH + 1] = "";
  long n = SYS_6(SYS_recvfrom, server, next, LENGTH, MSG_DONTWAIT, 0, 0);
  if (n != length || memcmp(next, sent + from, length)) say("BAD %s: %ld, %s", what, n, next);
}

// A read of ten bytes ends in a fault when another reader has the next seven; `again`: the ten had come back once before.
static void meanwhile(int domain, int again) {
  char *buffer = pages(1);
  struct iovec pieces[] = {{buffer, 3}, {buffer + 100, 7}};
  for (int vectors = 0; vectors < 2; vectors++) {
    int pid;
    join(domain);
    if (write(client, sent, LENGTH) != LENGTH) bad("write", -errno);
    start_other(&pid);
    for (int i = 0; i <= again; i++) {
      uint32_t code = vectors ? call(SYS_readv, server, pieces, 2) : call(SYS_read, server, buffer, 10);
      if (!code) bad("no reply", 0);
      if (i < again && !say_fault()) bad("no reply to a fault", 0);
    }
    other->wanted = 7;
    while (!other->got)
      ;
    if (!say_fault()) bad("no reply to a fault", 1);
    if (other->got != 7 || memcmp((char *)other->bytes, sent + 10, 7)) say("BAD other: %d", other->got);
    expect(vectors ? "readv" : "read", 17, LENGTH - 17);
    waitpid(pid, NULL, 0);
    close(client), close(server);
  }
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
  other = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int again = 0; again < 2; again++) {
    meanwhile(AF_INET, again);
    meanwhile(AF_UNIX, again);
  }
  say("done");
  return 0;
}
