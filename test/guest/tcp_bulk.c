// Long transfers of TCP, from and to memory of all kinds: private, shared, of files, partly missing, in many pieces, with
// flags, while the other side is slow; whole, short, and cut off by a signal.
//@ needs: tcp
#include "tcp.h"
#include <poll.h>
#include <pthread.h>
#include <sys/uio.h>

#define BIG (1 << 20)

static unsigned char *filled(unsigned char *bytes, int salt) {
  for (int i = 0; i < BIG; i++)
    bytes[i] = (i * 31 + (i >> 10) + salt) & 0xff;
  return bytes;
}

static int right(const unsigned char *bytes, size_t from, size_t length, int salt) {
  for (size_t i = 0; i < length; i++)
    if (bytes[i] != (((from + i) * 31 + ((from + i) >> 10) + salt) & 0xff)) return 0;
  return 1;
}

static void *drain_some(void *arg) {
  static unsigned char in[100000];
  long sum = 0;
  for (;;) {
    ssize_t n = recv(server, in, 1 + sum * 7919 % sizeof in, 0);
    if (n <= 0) break;
    if (!right(in, sum % BIG, n, *(int *)arg) && sum % BIG + n <= BIG) return "other bytes";
    sum += n;
  }
  return sum == BIG ? "all" : "too few, or too many";
}

static void send_all(const char *what, const unsigned char *bytes, int salt) {
  join();
  pthread_t thread;
  pthread_create(&thread, NULL, drain_some, &salt);
  long n = SYS_6(SYS_sendto, client, bytes, BIG, MSG_NOSIGNAL, 0, 0);
  shutdown(client, SHUT_WR);
  void *said;
  pthread_join(thread, &said);
  say("send from %s: %ld, %s", what, n, (char *)said);
}

static void *send_slowly(void *arg) {
  const unsigned char *bytes = arg;
  for (size_t done = 0; done < BIG;) {
    size_t piece = 1 + done * 104729 % 50000;
    if (piece > BIG - done) piece = BIG - done;
    ssize_t n = send(client, bytes + done, piece, 0);
    if (n <= 0) break;
    done += n;
  }
  shutdown(client, SHUT_WR);
  return arg;
}

static void receive_all(const char *what, unsigned char *into, unsigned char *from, int salt, int flags) {
  join();
  pthread_t thread;
  pthread_create(&thread, NULL, send_slowly, from);
  long sum = 0, n;
  memset(into, 0, BIG);
  while ((n = recv(server, into + sum, BIG - sum, flags)) > 0)
    sum += n;
  pthread_join(thread, NULL);
  say("receive to %s: %ld, %s", what, sum, right(into, 0, BIG, salt) ? "right" : "wrong");
}

static void on_alarm(int number) {
  (void)number;
}

int main(void) {
  choose_family(0, NULL);
  unsigned char *private = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *other = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *shared = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  char path[] = "/tmp/tcp_bulk.XXXXXX";
  int file = mkstemp(path);
  unlink(path);
  if (ftruncate(file, BIG) != 0) return 1;
  unsigned char *mapped = mmap(0, BIG, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  send_all("private memory", filled(private, 1), 1);
  send_all("shared memory", filled(shared, 2), 2);
  send_all("a file", filled(mapped, 3), 3);
  receive_all("private memory", other, private, 1, 0);
  receive_all("private memory, waiting", other, private, 1, MSG_WAITALL);
  receive_all("shared memory", shared, private, 1, 0);
  receive_all("a file", mapped, private, 1, 0);

  // Of a range that ends in nothing as much is sent as there is.
  munmap(other + BIG / 2, BIG / 2);
  filled(private, 1);
  memcpy(other, private, BIG / 2);
  join();
  int small = 1 << 20;
  setsockopt(client, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  setsockopt(server, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  long n = SYS_6(SYS_sendto, client, other, BIG, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
  yes_no("some of it was sent, or none", n == -EFAULT || (n > 0 && n <= BIG / 2));
  join();
  pthread_t thread;
  pthread_create(&thread, NULL, send_slowly, private);
  long sum = 0;
  while (sum < BIG / 2) {
    n = SYS_6(SYS_recvfrom, server, other + sum, BIG - sum, 0, 0, 0);
    if (failed(n) || n == 0) break;
    sum += n;
  }
  yes_no("what fits has come", sum <= BIG / 2 && right(other, 0, sum, 1));
  static unsigned char rest[BIG];
  long more = 0;
  while (sum + more < BIG && (n = recv(server, rest + more, sizeof rest - more, 0)) > 0)
    more += n;
  yes_no("and the rest behind it", sum + more == BIG && right(rest, sum, more, 1));
  pthread_join(thread, NULL);

  // Pieces.
  join();
  struct iovec parts[40];
  for (int i = 0; i < 40; i++)
    parts[i] = (struct iovec){private + i * 20000, 20000};
  int salt = 1;
  pthread_create(&thread, NULL, send_slowly, private);
  for (sum = 0; sum < 800000;) {
    struct iovec into[3] = {{rest + sum, 100}, {rest + sum + 100, 50000}, {rest + sum + 50100, 40000}};
    n = readv(server, into, 3);
    if (n <= 0) break;
    sum += n;
  }
  yes_no("readv", sum >= 800000 && right(rest, 0, sum, salt));
  shutdown(server, SHUT_RDWR);
  close(client);
  pthread_join(thread, NULL);
  join();
  pthread_create(&thread, NULL, drain_some, &salt);
  value("writev", SYS_3(SYS_writev, client, parts, 40));
  value("and the rest", SYS_3(SYS_write, client, private + 800000, BIG - 800000));
  shutdown(client, SHUT_WR);
  void *said;
  pthread_join(thread, &said);
  say("it came: %s", (char *)said);

  // Send buffers of all sizes; those that do not wait try again.
  static const int sizes[] = {1, 3000, 4608, 9000, 13000, 60000, 200000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    join();
    setsockopt(client, SOL_SOCKET, SO_SNDBUF, &sizes[i], sizeof sizes[i]);
    pthread_create(&thread, NULL, drain_some, &salt);
    int flags = i % 2 ? MSG_DONTWAIT : 0;
    struct pollfd ready = {client, POLLOUT, 0};
    for (sum = 0; sum < BIG; sum += n) {
      size_t piece = BIG - sum < 150000 ? BIG - sum : 150000;
      n = SYS_6(SYS_sendto, client, private + sum, piece, flags | MSG_NOSIGNAL, 0, 0);
      if (n == -EAGAIN) {
        poll(&ready, 1, 10000);
        n = 0;
      }
      if (n < 0) break;
    }
    shutdown(client, SHUT_WR);
    pthread_join(thread, &said);
    say("send buffer %d: %ld, %s", sizes[i], sum, (char *)said);
  }

  // Nobody reads: a signal ends it, with what was taken.
  join();
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  ualarm(50000, 0);
  static unsigned char much[16 << 20];
  n = SYS_6(SYS_sendto, client, much, sizeof much, 0, 0, 0);
  yes_no("a part was sent", n > 0 && n < (long)sizeof much);
  return 0;
}
