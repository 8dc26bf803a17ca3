// NETLINK_SOCK_DIAG: sockets of the internet's families as `ss` asks for them; filters, one socket alone, its end. Natively
// in a network namespace of its own, so that all that are told are ours.
//@ needs: tcp
#include "network.h"
#include "tcp.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/stat.h>

static int netlink;
static char answer[65536];
static char *lines[200];
static int count;

static int order(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *port_name(int port) {
  static char names[4][20];
  static int next;
  char *name = names[next++ & 3];
  // Those that were not chosen differ from run to run.
  if (port >= 32768)
    strcpy(name, "any");
  else
    sprintf(name, "%d", port);
  return name;
}

static void add_line(struct nlmsghdr *h, int attributes) {
  struct inet_diag_msg *m = NLMSG_DATA(h);
  char text[1000], source[64], destination[64];
  inet_ntop(m->idiag_family, m->id.idiag_src, source, sizeof source);
  inet_ntop(m->idiag_family, m->id.idiag_dst, destination, sizeof destination);
  // Whether an end is acknowledged yet is a question of time.
  int ends = m->idiag_state == 4 || m->idiag_state == 5;
  int n =
      sprintf(text, "  family %d state %d %s:%s %s:%s if %d rq %d wq %d uid %d inode %d cookie %d flags %x",
              m->idiag_family, ends ? 45 : m->idiag_state, source, port_name(ntohs(m->id.idiag_sport)),
              destination, port_name(ntohs(m->id.idiag_dport)), m->id.idiag_if, m->idiag_rqueue,
              ends ? 0 : m->idiag_wqueue, m->idiag_uid, m->idiag_inode != 0,
              (m->id.idiag_cookie[0] | m->id.idiag_cookie[1]) != 0, h->nlmsg_flags);
  int left = h->nlmsg_len - NLMSG_LENGTH(sizeof *m);
  for (struct nlattr *a = (void *)(m + 1); attributes && left >= 4;) {
    unsigned char *v = (unsigned char *)(a + 1);
    int type = a->nla_type;
    // What a congestion control tells of itself is a matter of which one a system has.
    if (type != INET_DIAG_BBRINFO && type != INET_DIAG_VEGASINFO) n += sprintf(text + n, " %d", type);
    if (type == INET_DIAG_INFO)
      n += sprintf(text + n, "(%d)", v[0] == 5 ? 4 : v[0]);
    else if (a->nla_len <= 8 && type != INET_DIAG_CONG) {
      n += sprintf(text + n, "(");
      for (int i = 4; i < a->nla_len; i++)
        n += sprintf(text + n, "%02x", ((unsigned char *)a)[i]);
      n += sprintf(text + n, ")");
    }
    left -= NLA_ALIGN(a->nla_len);
    a = (void *)((char *)a + NLA_ALIGN(a->nla_len));
  }
  lines[count++] = strdup(text);
}

static void ask_with(const char *what, struct inet_diag_req_v2 r, int type, int flags, const void *code,
                     int length) {
  struct {
    struct nlmsghdr h;
    struct inet_diag_req_v2 r;
    struct nlattr a;
    char code[200];
  } q = {.h = {0, type, NLM_F_REQUEST | flags, 1, 0}, .r = r, .a = {4 + length, INET_DIAG_REQ_BYTECODE}};
  q.h.nlmsg_len = sizeof q.h + sizeof q.r + (code ? NLA_ALIGN(4 + length) : 0);
  if (code) memcpy(q.code, code, length);
  send(netlink, &q, q.h.nlmsg_len, 0);
  say("%s", what);
  count = 0;
  for (int done = 0; !done;) {
    int n = recv(netlink, answer, sizeof answer, 0);
    if (n <= 0) break;
    for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      if (h->nlmsg_type == NLMSG_ERROR) {
        int error = ((struct nlmsgerr *)NLMSG_DATA(h))->error;
        say("  error: %s", error ? error_name(error) : "none");
        done = 1;
        break;
      }
      if (h->nlmsg_type == NLMSG_DONE) {
        int error = *(int *)NLMSG_DATA(h);
        if (error) say("  ends with %s", error_name(error));
        done = 1;
        break;
      }
      add_line(h, r.idiag_ext != 0);
      if (!(h->nlmsg_flags & NLM_F_MULTI)) done = 1;
    }
  }
  qsort(lines, count, sizeof *lines, order);
  for (int i = 0; i < count; i++)
    say("%s", lines[i]);
}

static void ask(const char *what, int family, int protocol, int extensions, int states) {
  struct inet_diag_req_v2 r = {family, protocol, extensions, 0, states, {0}};
  ask_with(what, r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, NULL, 0);
}

static int at_port(int type, int port) {
  int fd = socket(family, type, 0);
  union name n = loopback(port);
  if (bind(fd, &n.any, size_of()) != 0) say("bind: %s", strerror(errno));
  return fd;
}

#define CODE(...) (unsigned char[]){__VA_ARGS__}, sizeof((unsigned char[]){__VA_ARGS__})

int main(void) {
  own_network();
  netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
  yes_no("there is the protocol", netlink >= 0);
  for (int six = 0; six <= 1; six++) {
    family = six ? AF_INET6 : AF_INET;
    int l = at_port(SOCK_STREAM, 5001);
    listen(l, 7);
    union name n = name_of(l);
    int c = tcp();
    connect(c, &n.any, size_of());
    int s = accept(l, NULL, NULL);
    send(c, "abc", 3, 0);
    int waits = tcp();
    connect(waits, &n.any, size_of());
    int u = at_port(SOCK_DGRAM, 5002);
    int v = socket(family, SOCK_DGRAM, 0);
    n = name_of(u);
    connect(v, &n.any, size_of());
    int half = tcp();
    n = name_of(l);
    connect(half, &n.any, size_of());
    int other = accept(l, NULL, NULL), third = accept(l, NULL, NULL);
    shutdown(half, SHUT_WR);

    ask("TCP, all", family, IPPROTO_TCP, 0, -1);
    ask("TCP with attributes", family, IPPROTO_TCP, 255, -1);
    ask("listeners", family, IPPROTO_TCP, 0, 1 << 10);
    ask("established", family, IPPROTO_TCP, 0, 1 << 1);
    ask("UDP", family, IPPROTO_UDP, 255, -1);
    ask("UDP, connected", family, IPPROTO_UDP, 0, 1 << 1);
    ask("a protocol of nobody's", family, 99, 0, -1);

    struct inet_diag_req_v2 r = {family, IPPROTO_TCP, 0, 0, -1, {0}};
    ask_with("port 5001 here", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(11, 8, 12, 0, 0, 0, 0x89, 0x13));
    ask_with("port 5001 there", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(12, 8, 12, 0, 0, 0, 0x89, 0x13));
    ask_with("from 5001 to 5001", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
             CODE(2, 8, 20, 0, 0, 0, 0x89, 0x13, 3, 8, 12, 0, 0, 0, 0x89, 0x13));
    ask_with("not chosen", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(6, 4, 8, 0));
    ask_with("127.0.0.0/8 here", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
             CODE(7, 16, 20, 0, AF_INET, 8, 0, 0, 255, 255, 255, 255, 127, 0, 0, 0));
    ask_with("a broken filter", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(11, 8, 13, 0, 0, 0, 0x89, 0x13));
    ask_with("a filter that is cut off", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(11, 8, 12, 0));
    ask_with("into the middle", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, CODE(0, 8, 0, 0, 1, 4, 4, 0, 6, 4, 4, 0));

    n = name_of(c);
    union name peer = name_of(s);
    r.id.idiag_sport = six ? n.six.sin6_port : n.four.sin_port;
    r.id.idiag_dport = six ? peer.six.sin6_port : peer.four.sin_port;
    memcpy(r.id.idiag_src, six ? (void *)&n.six.sin6_addr : &n.four.sin_addr, six ? 16 : 4);
    memcpy(r.id.idiag_dst, six ? (void *)&peer.six.sin6_addr : &peer.four.sin_addr, six ? 16 : 4);
    r.id.idiag_cookie[0] = r.id.idiag_cookie[1] = -1;
    ask_with("one alone", r, SOCK_DIAG_BY_FAMILY, 0, NULL, 0);
    r.id.idiag_cookie[0] = 77;
    ask_with("of another cookie", r, SOCK_DIAG_BY_FAMILY, 0, NULL, 0);
    r.id.idiag_cookie[0] = -1;
    r.id.idiag_sport = 1;
    ask_with("one that is not there", r, SOCK_DIAG_BY_FAMILY, 0, NULL, 0);
    close(c), close(s), close(l), close(u), close(v), close(waits), close(half), close(other), close(third);
  }
  struct inet_diag_req_v2 r = {77, 6, 0, 0, -1, {0}};
  ask_with("an unknown family", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, NULL, 0);
  r.sdiag_family = 40;
  ask_with("a family that is not told", r, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, NULL, 0);
  ask_with("an unknown type", r, 99, NLM_F_DUMP, NULL, 0);
  return 0;
}
