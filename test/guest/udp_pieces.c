// Datagrams of all sizes, received to more room and less, to pieces, to memory that is not there.
//@ needs: tcp
#include "tcp.h"
#include <sys/uio.h>

static unsigned char out[65536], in[1 << 20];
static int from, to;

static int right(long n) {
  return n <= 0 || memcmp(in, out, n) == 0;
}

static void check(const char *what, long n) {
  if (failed(n))
    say("%s: %s", what, error_name(n));
  else
    say("%s: %ld, %s", what, n, right(n > 65536 ? 0 : n) ? "right" : "wrong");
  memset(in, 0, sizeof in);
}

static long receive(size_t room, int flags) {
  return SYS_6(SYS_recvfrom, to, in, room, flags, 0, 0);
}

static void give_one(size_t length) {
  long n = SYS_6(SYS_sendto, from, out, length, 0, 0, 0);
  if (n != (long)length) value("sent", n);
}

int main(int argc, char **argv) {
  choose_family(argc, argv);
  for (size_t i = 0; i < sizeof out; i++)
    out[i] = (i * 13 + (i >> 8)) & 0xff;
  union name name = loopback(0);
  from = socket(AF_INET, SOCK_DGRAM, 0);
  to = socket(AF_INET, SOCK_DGRAM, 0);
  bind(to, &name.any, size_of());
  name = name_of(to);
  connect(from, &name.any, size_of());
  static const size_t lengths[] = {0, 1, 20, 1000, 28672, 28673, 32768, 32769, 65507};
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    size_t length = lengths[i];
    say("%zu bytes", length);
    give_one(length);
    check("peek", receive(sizeof in, MSG_PEEK));
    value("peek at its length", receive(10, MSG_PEEK | MSG_TRUNC));
    check("read", SYS_3(SYS_read, to, in, 65536));
    give_one(length);
    check("receive to more", receive(sizeof in, 0));
    give_one(length);
    check("receive to a window", receive(20000, 0));
    give_one(length);
    check("receive to less", receive(15, MSG_DONTWAIT));
    give_one(length);
    value("its length", receive(15, MSG_TRUNC));
    check("nothing", receive(15, MSG_DONTWAIT));
    give_one(length);
    struct iovec parts[3] = {{in, 7}, {in + 7, 30000}, {in + 30007, 40000}};
    union name sender;
    char control[2000];
    struct msghdr message = {&sender, sizeof sender, parts, 3, control, sizeof control, 0};
    check("recvmsg", SYS_3(SYS_recvmsg, to, &message, 0));
    say("flags %x, control %zu, name %u", message.msg_flags, message.msg_controllen, message.msg_namelen);
    give_one(length);
    message = (struct msghdr){NULL, 0, parts, 1, control, sizeof control, 0};
    check("recvmsg to less", SYS_3(SYS_recvmsg, to, &message, MSG_PEEK));
    say("flags %x, control %zu", message.msg_flags, message.msg_controllen);
    int on = 1;
    setsockopt(to, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(to, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    message = (struct msghdr){NULL, 0, parts, 3, control, sizeof control, 0};
    check("recvmsg with more", SYS_3(SYS_recvmsg, to, &message, 0));
    say("flags %x, control %zu", message.msg_flags, message.msg_controllen);
    on = 0;
    setsockopt(to, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    setsockopt(to, IPPROTO_IP, IP_RECVTTL, &on, sizeof on);
    give_one(length);
    fcntl(to, F_SETFL, O_NONBLOCK);
    char *edge = pages(10) + 10 * PAGE;
    check("read to nowhere", SYS_3(SYS_read, to, edge, 20));
    check("it is lost", SYS_3(SYS_read, to, in, 20));
    give_one(length);
    check("read to what ends", SYS_3(SYS_read, to, edge - 20000, 65536));
    check("nothing is left of it", SYS_3(SYS_read, to, in, 65536));
    fcntl(to, F_SETFL, 0);
  }
  value("too long", SYS_3(SYS_write, from, in, 65508));
  value("far too long", SYS_3(SYS_write, from, in, sizeof in));
  shutdown(to, SHUT_RD);
  check("nobody waits", receive(100, 0));
  close(to);
  give_one(10);
  usleep(10000);
  value("refused", SYS_3(SYS_read, from, in, 100));
  value("told once", SYS_6(SYS_recvfrom, from, in, 100, MSG_DONTWAIT, 0, 0));
  return 0;
}
