// Filters of datagrams (SO_ATTACH_FILTER): what a program lets by and cuts off, what it sees, programs that are none, locks.
//@ needs: sockets
#include "guest.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

static const struct sockaddr_in at = {
    .sin_family = AF_INET, .sin_port = 0x9a12, .sin_addr.s_addr = 0x0100007f};
static int in, out;

static long attach(int s, struct sock_filter *f, int count) {
  struct sock_fprog p = {count, f};
  return SYS_5(SYS_setsockopt, s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
}
#define ATTACH(s, ...)                                                                                       \
  ({                                                                                                         \
    struct sock_filter f[] = {__VA_ARGS__};                                                                  \
    attach(s, f, sizeof f / sizeof *f);                                                                      \
  })

static void came(const char *what) {
  char data[100], line[200];
  int n = snprintf(line, sizeof line, "%s:", what);
  for (long r; (r = SYS_6(SYS_recvfrom, in, data, sizeof data, MSG_DONTWAIT, 0, 0)) >= 0;)
    n += snprintf(line + n, sizeof line - n, " '%.*s'", (int)r, data);
  say("%s", line);
}

static void give(void) {
  static const char *const texts[] = {"alpha", "beta", "", "gamma gamma"};
  for (int i = 0; i < 4; i++)
    sendto(out, texts[i], strlen(texts[i]), 0, (void *)&at, sizeof at);
}

int main(void) {
  int on = 1, off = 0;
  in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
  bind(in, (void *)&at, sizeof at);
  value("none", SYS_5(SYS_setsockopt, in, SOL_SOCKET, SO_DETACH_FILTER, &on, 4));
  value("all", ATTACH(in, BPF_STMT(BPF_RET | BPF_K, 0xffff)));
  give(), came("all");
  value("nothing", ATTACH(in, BPF_STMT(BPF_RET | BPF_K, 0)));
  give(), came("nothing");
  value("three bytes", ATTACH(in, BPF_STMT(BPF_RET | BPF_K, 11)));
  give(), came("three bytes");
  value("less than a header", ATTACH(in, BPF_STMT(BPF_RET | BPF_K, 2)));
  give(), came("less than a header");
  value("those with a b",
        ATTACH(in, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'b', 0, 1),
               BPF_STMT(BPF_RET | BPF_K, 100), BPF_STMT(BPF_RET | BPF_K, 0)));
  give(), came("those with a b");
  value("by length", ATTACH(in, BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 1),
                            BPF_STMT(BPF_RET | BPF_A, 0)));
  give(), came("by length");
  value("by port", ATTACH(in, BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2),
                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohs(at.sin_port), 0, 1),
                          BPF_STMT(BPF_RET | BPF_K, 100), BPF_STMT(BPF_RET | BPF_K, 0)));
  give(), came("by port");
  value("by device", ATTACH(in, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_IFINDEX)),
                            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_STMT(BPF_RET | BPF_K, 100),
                            BPF_STMT(BPF_RET | BPF_K, 0)));
  give(), came("by device");
  value("by protocol",
        ATTACH(in, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0800, 0, 1), BPF_STMT(BPF_RET | BPF_K, 100),
               BPF_STMT(BPF_RET | BPF_K, 0)));
  give(), came("by protocol");

  value("no program", attach(in, 0, 1));
  value("of nowhere", attach(in, (void *)8, 1));
  struct sock_filter one = BPF_STMT(BPF_RET | BPF_K, 5);
  value("of no length", attach(in, &one, 0));
  value("too long", attach(in, &one, 5000));
  value("without an end", ATTACH(in, BPF_STMT(BPF_LD | BPF_IMM, 1)));
  value("an unknown code", ATTACH(in, BPF_STMT(0x77, 1), BPF_STMT(BPF_RET | BPF_K, 1)));
  value("a jump beyond", ATTACH(in, BPF_JUMP(BPF_JMP | BPF_JA, 5, 0, 0), BPF_STMT(BPF_RET | BPF_K, 1)));
  value("a short struct", SYS_5(SYS_setsockopt, in, SOL_SOCKET, SO_ATTACH_FILTER, &one, 8));
  give(), came("the old one");
  value("detach", SYS_5(SYS_setsockopt, in, SOL_SOCKET, SO_DETACH_FILTER, &on, 4));
  give(), came("without");
  value("lock", SYS_5(SYS_setsockopt, in, SOL_SOCKET, SO_LOCK_FILTER, &on, 4));
  value("attach", ATTACH(in, BPF_STMT(BPF_RET | BPF_K, 0)));
  value("unlock", SYS_5(SYS_setsockopt, in, SOL_SOCKET, SO_LOCK_FILTER, &off, 4));
  give(), came("locked");

  close(in);
  in = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
  value("raw, by the IP header",
        ATTACH(in, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1),
               BPF_STMT(BPF_RET | BPF_K, 20), BPF_STMT(BPF_RET | BPF_K, 0)));
  give();
  char data[100];
  value("raw", SYS_6(SYS_recvfrom, in, data, sizeof data, MSG_DONTWAIT, 0, 0));
  return 0;
}
