// Rules for the packet filter as no iptables would give them: mutations of good ones, lengths and pointers that lie, as many
// as there may be, chains that would cost a packet millions of rules, matches without end in one rule, from threads that set,
// read and count while others send; and flows by the hundred thousand. What is refused is refused with an error, what is
// taken is given back as it was, the table of flows stays within its bound, and a witness waits no longer than it should.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ args: 5
//@ ends: 0
//@ deadline: 60
//@ needs: sockets tcp threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#define MOST (4 << 20)
#define TARGET sizeof(struct xt_standard_target)
#define PLAIN (sizeof(struct ipt_entry) + TARGET)
enum { ACCEPT = -NF_ACCEPT - 1, DROP = -NF_DROP - 1, RETURN = XT_RETURN };
enum { FILTER_HOOKS = 1 << NF_INET_LOCAL_IN | 1 << NF_INET_FORWARD | 1 << NF_INET_LOCAL_OUT };

static char buffer[MOST + 65536], copy[MOST + 65536], got[MOST + 65536];
static struct xt_counters counts[MOST / PLAIN + 100];
static struct ipt_replace *set = (void *)buffer;
static int fd;

// ---- Rules ----

static char *end_of(void) {
  return buffer + sizeof *set + set->size;
}

static int counted(const char *table) {
  struct ipt_getinfo info = {0};
  socklen_t length = sizeof info;
  strcpy(info.name, table);
  if (getsockopt(fd, SOL_IP, IPT_SO_GET_INFO, &info, &length)) bad("what a table is", -errno);
  return info.num_entries;
}

static void begin(const char *table, unsigned hooks) {
  memset(set, 0, sizeof *set);
  strcpy(set->name, table);
  set->valid_hooks = hooks;
}

// An entry of so many bytes of matches, which stand at `matches`, and a target.
static struct ipt_entry *entry(const void *matches, unsigned length, const void *target, unsigned size) {
  struct ipt_entry *e = (void *)end_of();
  memset(e, 0, sizeof *e);
  e->target_offset = sizeof *e + length;
  e->next_offset = e->target_offset + size;
  memcpy((char *)e + sizeof *e, matches, length);
  memcpy((char *)e + e->target_offset, target, size);
  set->size += e->next_offset;
  set->num_entries++;
  return e;
}

static struct ipt_entry *standard(int verdict) {
  struct xt_standard_target t = {0};
  t.target.u.user.target_size = sizeof t;
  t.verdict = verdict;
  return entry("", 0, &t, sizeof t);
}

static void error(const char *name) {
  struct xt_error_target t = {0};
  t.target.u.user.target_size = sizeof t;
  strcpy(t.target.u.user.name, XT_ERROR_TARGET);
  strcpy(t.errorname, name);
  entry("", 0, &t, sizeof t);
}

static void policy(int hook, int verdict, int first) {
  set->hook_entry[hook] = first;
  set->underflow[hook] = set->size;
  standard(verdict);
}

// The usual chains, with nothing in them, but for OUTPUT, which begins here and has its policy elsewhere.
static void up_to_output(void) {
  begin("filter", FILTER_HOOKS);
  policy(NF_INET_LOCAL_IN, ACCEPT, set->size);
  policy(NF_INET_FORWARD, ACCEPT, set->size);
  set->hook_entry[NF_INET_LOCAL_OUT] = set->size;
}

static void output_ends(void) {
  policy(NF_INET_LOCAL_OUT, ACCEPT, set->hook_entry[NF_INET_LOCAL_OUT]);
}

static int give(unsigned count) {
  set->num_counters = count;
  set->counters = counts;
  return setsockopt(fd, SOL_IP, IPT_SO_SET_REPLACE, set, sizeof *set + set->size) ? -errno : 0;
}

static int give_all(void) {
  error(XT_ERROR_TARGET);
  return give(counted(set->name));
}

static void nothing(void) {
  up_to_output();
  output_ends();
  if (give_all()) bad("the usual rules", -errno);
}

static struct {
  struct xt_entry_match m;
  char data[sizeof(struct xt_rateinfo)];
} some[3];

// A bit of everything: a state, a port, a rate.
static unsigned matches(void) {
  static const struct {
    const char *name;
    int size;
  } kinds[] = {{"state", 8}, {"udp", 16}, {"limit", 40}};
  static char all[256];
  unsigned at = 0;
  for (int i = 0; i < 3; i++) {
    struct xt_entry_match *m = (void *)(all + at);
    memset(m, 0, sizeof *m + kinds[i].size);
    m->u.user.match_size = sizeof *m + kinds[i].size;
    strcpy(m->u.user.name, kinds[i].name);
    if (i == 0) ((struct xt_state_info *)m->data)->statemask = 15;
    if (i == 1) ((struct xt_udp *)m->data)->spts[1] = ((struct xt_udp *)m->data)->dpts[1] = 0xffff;
    if (i == 2) ((struct xt_rateinfo *)m->data)->avg = 1, ((struct xt_rateinfo *)m->data)->burst = 5;
    at += m->u.user.match_size;
  }
  memcpy(some, all, at);
  return at;
}

// ---- Attacks ----

static void send_some(int count) {
  struct sockaddr_in to = {AF_INET, htons(7200), {htonl(INADDR_LOOPBACK)}, {0}};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < count; i++)
    sendto(s, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to);
  close(s);
}

// What there is can be read, and is whole.
static void is_whole(const char *table) {
  struct ipt_getinfo info = {0};
  socklen_t length = sizeof info;
  strcpy(info.name, table);
  if (getsockopt(fd, SOL_IP, IPT_SO_GET_INFO, &info, &length)) bad("what a table is", -errno);
  struct ipt_get_entries *e = (void *)got;
  memset(e, 0, sizeof *e);
  strcpy(e->name, table);
  e->size = info.size;
  length = sizeof *e + info.size;
  if (getsockopt(fd, SOL_IP, IPT_SO_GET_ENTRIES, e, &length)) bad("what stands in a table", -errno);
  unsigned at = 0, count = 0;
  for (; at < info.size; count++)
    at += ((struct ipt_entry *)((char *)e->entrytable + at))->next_offset;
  if (at != info.size || count != info.num_entries) bad("entries", count);
}

static void mutations(void) {
  unsigned length = matches();
  struct ipt_reject_info reject = {IPT_ICMP_PORT_UNREACHABLE};
  struct {
    struct xt_entry_target t;
    char data[8];
  } target = {0};
  target.t.u.user.target_size = sizeof target;
  strcpy(target.t.u.user.name, "REJECT");
  memcpy(target.data, &reject, sizeof reject);
  up_to_output();
  struct ipt_entry *e = entry(some, length, &target, sizeof target);
  e->ip.proto = IPPROTO_UDP;
  struct ipt_entry *jump = standard(0);
  output_ends();
  error("chain");
  ((struct xt_standard_target *)((char *)jump + sizeof *jump))->verdict = set->size;
  standard(DROP);
  standard(RETURN);
  if (give_all()) bad("good rules", -errno);
  is_whole("filter");
  unsigned size = sizeof *set + set->size, taken = 0;
  memcpy(copy, buffer, size);
  double end = seconds() + FORGE_S;
  for (int i = 0; seconds() < end; i++) {
    memcpy(buffer, copy, size);
    for (int k = next_random() % 3; k >= 0; k--) {
      unsigned at = 32 + next_random() % (size - 32);
      switch (next_random() % 5) {
      case 0:
        buffer[at] ^= 1 << next_random() % 8;
        break;
      case 1:
        *(short *)(buffer + (at & ~1)) = nasty();
        break;
      case 2:
        *(int *)(buffer + (at & ~3)) = nasty();
        break;
      case 3:
        buffer[at] = next_random();
        break;
      default:
        memmove(buffer + at, copy + 32 + next_random() % (size - 40), 8);
      }
    }
    set->counters = i % 7 ? counts : (void *)nasty();
    set->num_counters = i % 5 ? counted("filter") : (int)next_random();
    unsigned given = i % 9 ? size : next_random() % (size + 100);
    if (setsockopt(fd, SOL_IP, IPT_SO_SET_REPLACE, set, given) == 0) {
      taken++;
      is_whole("filter");
    }
    if (i % 16 == 0) send_some(3);
  }
  if (taken == 0) bad("mutations that are taken", taken);
  // What is asked and counted, with any length and anything in it.
  for (int i = 0; i < 20000; i++) {
    for (int k = 0; k < 10; k++)
      *(int *)(got + k * 4 + 28) = i & 1 ? nasty() : next_random() % 200;
    strcpy(got, i % 3 ? "filter" : "mangle");
    socklen_t length = i % 4 ? (unsigned[]){84, 40, 30, 56}[next_random() % 4] : nasty() & 0xffff;
    int option = 64 + next_random() % 8;
    if (i & 1)
      getsockopt(fd, SOL_IP, option, got, &length);
    else if (option != IPT_SO_SET_REPLACE)
      setsockopt(fd, SOL_IP, option, got, length % 4096);
  }
  is_whole("filter");
}

// As many rules as there may be, and more; and packets that go through all of them.
static void as_many(void) {
  up_to_output();
  while (set->size + 5 * PLAIN < MOST) {
    struct ipt_entry *e = standard(DROP);
    e->ip.src.s_addr = htonl(0x0a000001), e->ip.smsk.s_addr = 0xffffffff;
  }
  output_ends();
  int result = give_all();
  if (result && result != -ENOMEM) bad("as many rules as there may be", result);
  if (result == 0) is_whole("filter");
  send_some(2000);
  set->size += MOST;
  if (give(counted("filter")) != -ENOMEM) bad("more rules than there may be", -errno);
}

// Every hook of every table goes to a chain of as many rules as one packet may cost, which ask for what takes longest.
static void everywhere(void) {
  static const struct {
    const char *name;
    unsigned hooks;
  } tables[] = {{"raw", 9}, {"mangle", 31}, {"nat", 27}, {"filter", FILTER_HOOKS}};
  for (int full = 1; full >= 0; full--)
    for (int t = 0; t < 4; t++) {
      begin(tables[t].name, tables[t].hooks);
      int jumps[5] = {0};
      for (int hook = 0; hook < 5; hook++) {
        if (!(tables[t].hooks & 1 << hook)) continue;
        set->hook_entry[hook] = set->size;
        if (full) {
          // A state is asked for, so that flows are tracked.
          matches();
          entry(some, 40, &(struct xt_standard_target){.target.u.user.target_size = TARGET, .verdict = 0},
                TARGET);
          jumps[hook] = set->size - TARGET + sizeof(struct xt_entry_target);
        }
        policy(hook, ACCEPT, set->hook_entry[hook]);
      }
      if (full) {
        error("chain");
        for (int hook = 0; hook < 5; hook++)
          if (jumps[hook]) memcpy(buffer + sizeof *set + jumps[hook], &set->size, 4);
        for (int i = 0; i < 4060; i++) {
          struct ipt_entry *e = standard(DROP);
          e->ip.iniface_mask[15] = e->ip.outiface_mask[15] = -1;
          e->ip.outiface[15] = 1;
        }
        standard(RETURN);
      }
      int result = give_all();
      if (result && result != -ENOMEM) bad(tables[t].name, result);
      if (full) say("%s: %s", tables[t].name, result ? "no room" : "taken");
      if (full) send_some(20);
    }
}

// Each chain jumps to the next one twice, and twice again.
static void doubled(void) {
  enum { DEPTH = 2000 };
  static int heads[DEPTH + 1];
  up_to_output();
  int first = set->size + 2 * PLAIN,
      chain = sizeof(struct ipt_entry) + sizeof(struct xt_error_target) + 3 * PLAIN;
  for (int i = 0; i <= DEPTH; i++)
    heads[i] = first + i * chain + sizeof(struct ipt_entry) + sizeof(struct xt_error_target);
  standard(heads[0]);
  output_ends();
  for (int i = 0; i < DEPTH; i++) {
    error("c");
    standard(heads[i + 1]), standard(heads[i + 1]);
    standard(RETURN);
  }
  error("c");
  standard(RETURN);
  int result = give_all();
  if (result) bad("chains that double", result);
  send_some(3000);
  // A connection meets them too, and those that retransmit.
  int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in to = {AF_INET, htons(7201), {htonl(INADDR_LOOPBACK)}, {0}};
  connect(s, (void *)&to, sizeof to);
  close(s);
  // A ring is none that is taken.
  ((struct xt_standard_target *)(buffer + sizeof *set + heads[DEPTH] + sizeof(struct ipt_entry)))->verdict =
      heads[0];
  if (give(counted("filter")) != -ELOOP) bad("chains in a ring", -errno);
  // One rule of as many matches as fit, often.
  up_to_output();
  struct xt_standard_target accept = {0};
  accept.target.u.user.target_size = sizeof accept;
  accept.verdict = RETURN;
  unsigned length = 0;
  for (; length + 200 < 65000; length += 40) {
    struct xt_entry_match *m = (void *)(copy + length);
    memset(m, 0, 40);
    m->u.user.match_size = 40;
    strcpy(m->u.user.name, "state");
    ((struct xt_state_info *)m->data)->statemask = 15;
  }
  for (int i = 0; i < 50; i++)
    entry(copy, length, &accept, sizeof accept)->ip.flags = 0;
  output_ends();
  result = give_all();
  if (result && result != -ENOMEM) bad("many matches", result);
  send_some(3000);
}

static volatile int is_over;

static void *reader(void *unused) {
  int s = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  char *room = malloc(MOST);
  for (unsigned i = 0; !is_over; i++) {
    struct ipt_getinfo info = {0};
    socklen_t length = sizeof info;
    strcpy(info.name, i & 1 ? "filter" : "nat");
    getsockopt(s, SOL_IP, IPT_SO_GET_INFO, &info, &length);
    struct ipt_get_entries *e = (void *)room;
    strcpy(e->name, info.name);
    e->size = info.size;
    length = sizeof *e + info.size;
    getsockopt(s, SOL_IP, IPT_SO_GET_ENTRIES, e, &length);
    struct xt_counters_info *c = (void *)room;
    memset(c, 0x7f, sizeof *c + 16 * 64);
    strcpy(c->name, "filter");
    c->num_counters = info.num_entries;
    setsockopt(s, SOL_IP, IPT_SO_SET_ADD_COUNTERS, c, sizeof *c + 16 * (info.num_entries % 64));
  }
  free(room);
  close(s);
  return unused;
}

static void *sender(void *unused) {
  while (!is_over)
    send_some(50);
  return unused;
}

static void at_once(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], 0, i & 1 ? sender : reader, 0);
  double end = seconds() + FLOOD_S;
  for (unsigned i = 0; seconds() < end; i++) {
    up_to_output();
    for (unsigned k = i % 500; k > 0; k--)
      standard(ACCEPT)->ip.proto = IPPROTO_TCP;
    output_ends();
    int result = give_all();
    if (result && result != -EAGAIN && result != -ENOMEM) bad("rules in turn", result);
  }
  is_over = 1;
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], 0);
}

// ---- Flows ----

static void write_setting(const char *name, const char *value) {
  char path[100];
  snprintf(path, sizeof path, "/proc/sys/net/netfilter/nf_conntrack_%s", name);
  int f = open(path, O_WRONLY);
  if (f < 0 || write(f, value, strlen(value)) < 0) bad(name, -errno);
  close(f);
}

static long flows(void) {
  char text[32] = "";
  int f = open("/proc/sys/net/netfilter/nf_conntrack_count", O_RDONLY);
  if (f < 0 || read(f, text, sizeof text - 1) < 0) bad("how many flows there are", -errno);
  close(f);
  return atol(text);
}

static void flood(void) {
  static const char *const times[] = {"udp_timeout", "tcp_timeout_syn_sent", "tcp_timeout_close",
                                      "icmp_timeout"};
  // Of earlier programs.
  long others = flows();
  for (int i = 0; i < 4; i++)
    write_setting(times[i], "1");
  matches();
  up_to_output();
  struct xt_standard_target accept = {0};
  accept.target.u.user.target_size = sizeof accept;
  accept.verdict = RETURN;
  entry(some, 40, &accept, sizeof accept);
  output_ends();
  if (give_all()) bad("a rule about flows", -errno);
  long most = 0, refused = 0;
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  double end = seconds() + 5;
  for (unsigned i = 0; i < 400000 && seconds() < end; i++) {
    struct sockaddr_in to = {AF_INET, htons(1 + i % 65535), {htonl(0x7f000001 + i / 65535)}, {0}};
    if (sendto(s, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to) < 0) refused++;
    if (i % 10000 == 0 && flows() > most) most = flows();
  }
  close(s);
  for (int i = 0; i < 2000; i++) {
    struct sockaddr_in to = {AF_INET, htons(1 + i), {htonl(0x7f000001)}, {0}};
    s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(s, (void *)&to, sizeof to);
    close(s);
  }
  if (most < 1000 || most > 65536) bad("flows", most);
  // A full table lets what is new wait, not what is known.
  write_setting("max", "100");
  send_some(10);
  write_setting("max", "65536");
  nothing();
  for (int i = 0; i < 200 && flows() > others; i++)
    usleep(50000);
  if (flows() > others) bad("flows whose time is over", flows());
  static const char *const usual[] = {"30", "120", "10", "30"};
  for (int i = 0; i < 4; i++)
    write_setting(times[i], usual[i]);
}

int main(int argc, char **argv) {
  fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (fd < 0) bad("a raw socket", -errno);
  nothing();
  switch (argc > 1 ? atoi(argv[1]) : 0) {
  case 0:
    mutations();
    break;
  case 1:
    as_many();
    break;
  case 2:
    doubled();
    break;
  case 3:
    at_once();
    break;
  case 4:
    flood();
    break;
  default:
    everywhere();
  }
  nothing();
  say("over");
  return 0;
}
