// TCP in pieces of all sizes, each way: what comes is what was sent, whatever else is asked of the stream meanwhile, and where
// memory or the connection ends half way.
//@ needs: tcp
#include "tcp.h"
#include <pthread.h>
#include <sys/uio.h>

#define MOST (4 << 20)

static unsigned char out[MOST], in[MOST];

static unsigned char byte_at(size_t at) {
  return (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
}

static int right(const unsigned char *bytes, size_t from, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (bytes[i] != byte_at(from + i)) return 0;
  return 1;
}

struct transfer {
  int fd, ends, nonblocking;
  size_t piece, total;
};

static void await(int fd, int events) {
  struct pollfd one = {fd, events, 0};
  poll(&one, 1, 20000);
}

static void *sends(void *arg) {
  struct transfer *t = arg;
  size_t done = 0;
  while (done < t->total) {
    size_t piece = t->total - done < t->piece ? t->total - done : t->piece;
    long n = SYS_3(SYS_write, t->fd, out + done, piece);
    if (n == -EAGAIN && t->nonblocking) {
      await(t->fd, POLLOUT);
      continue;
    }
    if (n <= 0 || (!t->nonblocking && n != (long)piece)) return "a short write";
    done += n;
  }
  if (t->ends) shutdown(t->fd, SHUT_WR);
  return "all sent";
}

static size_t receives(int fd, size_t piece, size_t total, int nonblocking) {
  size_t done = 0;
  while (done < total) {
    size_t room = total - done < piece ? total - done : piece;
    long n = SYS_3(SYS_read, fd, in + done, room);
    if (n == -EAGAIN && nonblocking) {
      await(fd, POLLIN);
      continue;
    }
    if (n <= 0) break;
    done += n;
  }
  return done;
}

static void one_way(int from, int to, size_t piece, size_t room, int nonblocking) {
  size_t total = piece < 2000 ? piece * 2000 : MOST;
  if (room * 4000 < total) total = room * 4000;
  struct transfer t = {from, 1, nonblocking, piece, total};
  memset(in, 0, total);
  pthread_t thread;
  pthread_create(&thread, NULL, sends, &t);
  size_t n = receives(to, room, total, nonblocking);
  void *said;
  pthread_join(thread, &said);
  long end = SYS_3(SYS_read, to, in, 1);
  if (end == -EAGAIN) {
    await(to, POLLIN);
    end = SYS_3(SYS_read, to, in + 1, 1);
  }
  say("%zu by %zu, %zu: %s, %s, then %ld", total, piece, room, (char *)said,
      n == total && right(in, 0, n) ? "right" : "wrong", end);
}

static void all_sizes(void) {
  static const size_t sizes[][2] = {{1, 1},         {1, 1 << 20},     {7, 100},          {1000, 1},
                                    {4096, 4096},   {28672, 28673},   {32768, 32768},    {32769, 65536},
                                    {65536, 65536}, {131072, 131073}, {131073, 131072},  {1 << 20, 1 << 20},
                                    {1 << 20, 999}, {999, 1 << 20},   {4 << 20, 4 << 20}};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int way = 0; way < 2; way++) {
      join();
      int nonblocking = i & 1;
      if (nonblocking) {
        fcntl(client, F_SETFL, O_NONBLOCK);
        fcntl(server, F_SETFL, O_NONBLOCK);
      }
      one_way(way ? server : client, way ? client : server, sizes[i][0], sizes[i][1], nonblocking);
    }
}

// So many bytes are in the server's queue, from that place on.
static void queued(size_t at, size_t count) {
  for (size_t done = 0; done < count;) {
    ssize_t n = write(client, out + at + done, count - done);
    if (n <= 0) _exit(90);
    done += n;
  }
  for (int i = 0; i < 500 && count_of(server, FIONREAD) < (int)count; i++)
    usleep(10000);
}

static void check(const char *what, long n, size_t at) {
  if (failed(n))
    say("%s: %s", what, error_name(n));
  else
    say("%s: %ld, %s", what, n, right(in, at, n) ? "right" : "wrong");
}

static long receive(size_t room, int flags) {
  memset(in, 0, room);
  return SYS_6(SYS_recvfrom, server, in, room, flags, 0, 0);
}

static void with_flags(void) {
  join();
  queued(0, 50000);
  check("peek", receive(40000, MSG_PEEK), 0);
  check("read", SYS_3(SYS_read, server, in, 10), 0);
  check("peek again", receive(45000, MSG_PEEK), 10);
  check("waiting for all", receive(35000, MSG_WAITALL), 10);
  value("thrown away", receive(5000, MSG_TRUNC));
  check("behind that", receive(5, MSG_DONTWAIT), 40010);
  check("peek at the rest", receive(60000, MSG_PEEK), 40015);
  check("the rest", receive(200000, 0), 40015);
  check("nothing", receive(200000, MSG_DONTWAIT), 0);

  struct transfer t = {client, 0, 0, 999, 700000};
  pthread_t thread;
  pthread_create(&thread, NULL, sends, &t);
  check("waiting for what is sent", receive(600000, MSG_WAITALL), 0);
  check("and for the rest", receive(100000, MSG_WAITALL), 600000);
  pthread_join(thread, NULL);

  int low = 50000;
  setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  t = (struct transfer){client, 0, 0, 1000, 50000};
  pthread_create(&thread, NULL, sends, &t);
  check("as many as are wanted at least", receive(100000, 0), 0);
  pthread_join(thread, NULL);

  struct iovec parts[4] = {{in, 3}, {in + 3, 40000}, {in + 40003, 0}, {in + 40003, 20000}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 4};
  low = 1;
  setsockopt(server, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  queued(0, 50000);
  check("recvmsg, peeking", SYS_3(SYS_recvmsg, server, &message, MSG_PEEK), 0);
  check("readv", SYS_3(SYS_readv, server, parts, 2), 0);
  check("recvmsg", SYS_3(SYS_recvmsg, server, &message, 0), 40003);
  say("flags %x", message.msg_flags);
}

// Behind a read that memory has ended, or that was refused, the rest comes once.
static void rest_comes(const char *what, long n, const unsigned char *at, size_t fits, size_t total) {
  yes_no(what, n == -EFAULT || (n > 0 && n <= (long)fits && right(at, 0, n)));
  size_t done = n > 0 ? n : 0, more = receives(server, MOST, total - done, 0);
  yes_no("the rest is behind it", done + more == total && right(in, done, more));
  check("and nothing else", receive(10, MSG_DONTWAIT), 0);
}

static void memory_ends(void) {
  size_t half = 40 * PAGE, total = 70000;
  unsigned char *memory = (unsigned char *)pages(2 * half / PAGE);
  static const int prots[] = {PROT_NONE, PROT_READ};
  for (int i = 0; i < 2; i++) {
    mprotect(memory + half, half, prots[i]);
    join();
    queued(0, total);
    rest_comes("read to what is not there", SYS_3(SYS_read, server, memory + half, half), memory, 0, total);
    join();
    queued(0, total);
    unsigned char *at = memory + half - 20000;
    rest_comes("read to what ends", SYS_3(SYS_read, server, at, 100000), at, 20000, total);
    join();
    queued(0, total);
    at = memory + half - 50000;
    rest_comes("read to what ends later", SYS_3(SYS_read, server, at, 60000), at, 50000, total);
    join();
    queued(0, total);
    at = memory + half - total;
    value("read to what ends behind it", SYS_3(SYS_read, server, at, 2 * half));
    yes_no("right", right(at, 0, total));
    mprotect(memory + half, half, PROT_READ | PROT_WRITE);
  }
  // What is sent is what there is.
  mprotect(memory + half, half, PROT_NONE);
  memcpy(memory, out, half);
  join();
  long n = SYS_3(SYS_write, client, memory, 2 * half);
  yes_no("as much was sent as there is, or less", n == -EFAULT || (n > 0 && n <= (long)half));
  n = n > 0 ? n : 0;
  yes_no("and has come", receives(server, MOST, n, 0) == (size_t)n && right(in, 0, n));
  value("nothing can be sent", SYS_3(SYS_write, client, memory + half, 100000));
}

static void reset_by(int fd) {
  struct linger hard = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd);
}

static void connection_ends(void) {
  for (int i = 0; i < 3; i++) {
    join();
    queued(0, 60000);
    reset_by(client);
    client = dup(server);
    await(server, POLLERR);
    if (i == 0) check("all that had come, at once", SYS_3(SYS_read, server, in, 1 << 20), 0);
    if (i == 1) check("all that had come", receive(1 << 20, MSG_WAITALL), 0);
    if (i == 2) check("a part of what had come", SYS_3(SYS_read, server, in, 20000), 0);
    if (i == 2) check("and the rest", SYS_3(SYS_read, server, in, 1 << 20), 20000);
    if (i == 1)
      say_error("then", server);
    else
      check("then", SYS_3(SYS_read, server, in, 1 << 20), 0);
    check("and then", SYS_3(SYS_read, server, in, 1 << 20), 0);
  }
}

static void *resets(void *arg) {
  (void)arg;
  await(server, POLLIN);
  usleep(100000);
  reset_by(server);
  return NULL;
}

static void sending_ends(void) {
  for (int i = 0; i < 2; i++) {
    join();
    pthread_t thread;
    pthread_create(&thread, NULL, resets, NULL);
    static unsigned char much[32 << 20];
    long n = i ? 0 : SYS_6(SYS_sendto, client, much, sizeof much, MSG_NOSIGNAL, 0, 0);
    while (i && n >= 0 && (n = SYS_6(SYS_sendto, client, much, 30000, MSG_NOSIGNAL, 0, 0)) == 30000)
      ;
    yes_no("a part was sent", n < (long)sizeof much && (n > 0 || (i && n == -ECONNRESET)));
    pthread_join(thread, NULL);
    if (n > 0) n = SYS_6(SYS_sendto, client, much, 100000, MSG_NOSIGNAL, 0, 0);
    value("then", n);
    value("and then", SYS_6(SYS_sendto, client, much, 100000, MSG_NOSIGNAL, 0, 0));
    value("and a few", SYS_6(SYS_sendto, client, much, 10, MSG_NOSIGNAL, 0, 0));
    server = dup(client);
  }
}

struct sum {
  size_t room, bytes;
  uint64_t sum;
};

static void *sums(void *arg) {
  struct sum *s = arg;
  unsigned char *memory = malloc(s->room);
  for (;;) {
    ssize_t n = read(server, memory, s->room);
    if (n <= 0) break;
    for (ssize_t i = 0; i < n; i++)
      s->sum += memory[i];
    s->bytes += n;
  }
  free(memory);
  return NULL;
}

static void two_readers(void) {
  static const size_t rooms[][2] = {{1000, 30000}, {65536, 65536}, {1 << 20, 777}};
  uint64_t sum = 0;
  for (size_t i = 0; i < MOST; i++)
    sum += out[i];
  for (int i = 0; i < 3; i++) {
    join();
    struct sum got[2] = {{rooms[i][0], 0, 0}, {rooms[i][1], 0, 0}};
    pthread_t threads[2];
    for (int k = 0; k < 2; k++)
      pthread_create(&threads[k], NULL, sums, &got[k]);
    struct transfer t = {client, 1, 0, 50000, MOST};
    say("%s", (char *)sends(&t));
    for (int k = 0; k < 2; k++)
      pthread_join(threads[k], NULL);
    say("two readers: %zu bytes, %s", got[0].bytes + got[1].bytes,
        got[0].sum + got[1].sum == sum ? "each once" : "not those");
  }
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  for (size_t i = 0; i < MOST; i++)
    out[i] = byte_at(i);
  all_sizes();
  with_flags();
  memory_ends();
  connection_ends();
  sending_ends();
  two_readers();
  return 0;
}
