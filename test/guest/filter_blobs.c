// What Linux says of rules of iptables that are not quite right: lengths, offsets, hooks, verdicts, chains, matches and
// targets that were changed, in ways that a seed repeats, in tables of both families, and of options that are asked with
// other lengths. What is taken is given back. It runs in a network namespace of its own, where there can be one; else the
// tables are put back at the end.
//@ args: 4 filter
//@ args: 6 filter
//@ args: 4 nat
//@ args: 6 nat
//@ args: 4 mangle
//@ args: 6 mangle
//@ args: 4
//@ args: 6
//@ needs: sockets ip_tables
//@ deadline: 60
#include "network.h"
#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_length.h>
#include <linux/netfilter/xt_limit.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_owner.h>
#include <linux/netfilter/xt_pkttype.h>
#include <linux/netfilter/xt_state.h>
#include <linux/netfilter/xt_statistic.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>
#include <netinet/in.h>
#include <stddef.h>

#define PART 65536
enum {
  ACCEPT = -NF_ACCEPT - 1,
  DROP = -NF_DROP - 1,
  RETURN = XT_RETURN,
  NAMES = 64,
  NAME = XT_EXTENSION_MAXNAMELEN
};
enum {
  PRE = NF_INET_PRE_ROUTING,
  IN = NF_INET_LOCAL_IN,
  FORWARD = NF_INET_FORWARD,
  OUT = NF_INET_LOCAL_OUT,
  POST = NF_INET_POST_ROUTING
};

// Where the fields of a family's entry stand. The structs around entries are the same in both.
static const struct family {
  int is_v6, domain, level, entry, protocol, flags, target_offset, next_offset, counters;
} families[] = {{0, AF_INET, SOL_IP, sizeof(struct ipt_entry), offsetof(struct ipt_entry, ip.proto),
                 offsetof(struct ipt_entry, ip.flags), offsetof(struct ipt_entry, target_offset),
                 offsetof(struct ipt_entry, next_offset), offsetof(struct ipt_entry, counters)},
                {1, AF_INET6, SOL_IPV6, sizeof(struct ip6t_entry), offsetof(struct ip6t_entry, ipv6.proto),
                 offsetof(struct ip6t_entry, ipv6.flags), offsetof(struct ip6t_entry, target_offset),
                 offsetof(struct ip6t_entry, next_offset), offsetof(struct ip6t_entry, counters)}};

static const struct family *family;
static char good[PART], bad[PART], got[PART];
static struct ipt_replace *set = (void *)good;
static struct xt_counters counts[256];
static unsigned names[NAMES], name_count;
// What owner matches ask for: supplementary groups they do not know in a sandbox.
static unsigned asked;
static int fd;

static uint64_t state = 1;
static unsigned any(unsigned below) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return (z ^ z >> 31) % below;
}

static uint16_t *word(char *entry, int at) {
  return (void *)(entry + at);
}

// ---- Good rules ----

static char *end_of(void) {
  return good + sizeof *set + set->size;
}

static char *entry(int protocol) {
  char *e = end_of();
  memset(e, 0, family->entry);
  *word(e, family->protocol) = protocol;
  if (family->is_v6 && protocol) e[family->flags] |= IP6T_F_PROTO;
  set->size += family->entry;
  set->num_entries++;
  return e;
}

static void part(const char *name, int revision, const void *data, int size) {
  struct xt_entry_match m = {0};
  int aligned = XT_ALIGN(size);
  m.u.user.match_size = sizeof m + aligned;
  m.u.user.revision = revision;
  strcpy(m.u.user.name, name);
  names[name_count++] = end_of() - good;
  if (strcmp(name, "owner") == 0)
    asked = end_of() + sizeof m + offsetof(struct xt_owner_match_info, match) - good;
  memset(end_of(), 0, sizeof m + aligned);
  memcpy(end_of() + sizeof m, data, size);
  memcpy(end_of(), &m, sizeof m);
  set->size += sizeof m + aligned;
}

static char *target(char *e, const char *name, int revision, const void *data, int size) {
  *word(e, family->target_offset) = end_of() - e;
  part(name, revision, data, size);
  *word(e, family->next_offset) = end_of() - e;
  return e;
}

static char *standard(int verdict) {
  return target(entry(0), "", 0, &verdict, 4);
}

static void jumps(char *e, int to) {
  memcpy(e + family->entry + sizeof(struct xt_entry_target), &to, 4);
}

static void chain(const char *name) {
  char text[XT_FUNCTION_MAXNAMELEN] = {0};
  strcpy(text, name);
  target(entry(0), XT_ERROR_TARGET, 0, text, sizeof text);
}

static void begins(const char *table, unsigned hooks) {
  memset(good, 0, sizeof *set);
  strcpy(set->name, table);
  set->valid_hooks = hooks;
  name_count = 0;
}

static void hook(int which) {
  set->hook_entry[which] = set->size;
}

static void policy(int which, int verdict) {
  set->underflow[which] = set->size;
  standard(verdict);
}

static void filter(void) {
  struct xt_state_info states = {.statemask = 6};
  struct xt_tcp tcp = {.spts = {0, 0xffff}, .dpts = {80, 90}};
  struct xt_rateinfo rate = {.avg = 10000, .burst = 5};
  int reset = family->is_v6 ? IP6T_TCP_RESET : IPT_TCP_RESET;
  struct xt_log_info log = {.level = 4, .prefix = "seen"};
  begins("filter", 1 << IN | 1 << FORWARD | 1 << OUT);
  hook(IN);
  char *e = entry(IPPROTO_TCP);
  part("tcp", 0, &tcp, sizeof tcp);
  part("state", 0, &states, sizeof states);
  target(e, "REJECT", 0, &reset, 4);
  char *jump = standard(0);
  memset(jump, 10, 1);
  memset(jump + (family->is_v6 ? 32 : 8), 255, 1);
  policy(IN, ACCEPT);
  hook(FORWARD);
  policy(FORWARD, DROP);
  hook(OUT);
  e = entry(0);
  part("limit", 0, &rate, sizeof rate);
  target(e, "", 0, &(int){ACCEPT}, 4);
  target(entry(0), "LOG", 0, &log, sizeof log);
  policy(OUT, ACCEPT);
  chain("inner");
  int head = set->size;
  *word(standard(DROP), family->protocol) = IPPROTO_UDP;
  char *again = standard(0);
  standard(RETURN);
  chain("innermost");
  int second = set->size;
  standard(RETURN);
  jumps(jump, head);
  jumps(again, second);
}

static void nat(void) {
  struct nf_nat_range2 to = {.flags = NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED};
  struct nf_nat_range ports = {.flags = NF_NAT_RANGE_PROTO_SPECIFIED};
  struct nf_nat_ipv4_multi_range_compat old = {1, {{NF_NAT_RANGE_PROTO_SPECIFIED, 0, 0, {0}, {0}}}};
  struct xt_addrtype_info_v1 local = {.dest = 4};
  to.min_addr.ip = htonl(0x0a000001), to.max_addr.ip = htonl(0x0a000009);
  to.min_proto.tcp.port = ports.min_proto.tcp.port = old.range[0].min.tcp.port = htons(8000);
  to.max_proto.tcp.port = ports.max_proto.tcp.port = old.range[0].max.tcp.port = htons(8010);
  const void *range = family->is_v6 ? (void *)&ports : &old;
  int size = family->is_v6 ? sizeof ports : sizeof old;
  begins("nat", 1 << PRE | 1 << IN | 1 << OUT | 1 << POST);
  hook(PRE);
  target(entry(IPPROTO_TCP), "DNAT", 2, &to, sizeof to);
  policy(PRE, ACCEPT);
  hook(IN);
  policy(IN, ACCEPT);
  hook(OUT);
  char *jump = standard(0);
  policy(OUT, ACCEPT);
  hook(POST);
  ports.flags |= NF_NAT_RANGE_MAP_IPS;
  target(entry(IPPROTO_UDP), "SNAT", 1, &ports, sizeof ports);
  target(entry(IPPROTO_UDP), "SNAT", 2, &to, sizeof to);
  ports.flags &= ~NF_NAT_RANGE_MAP_IPS;
  target(entry(IPPROTO_TCP), "MASQUERADE", 0, range, size);
  policy(POST, ACCEPT);
  chain("DOCKER");
  jumps(jump, set->size);
  char *e = entry(IPPROTO_TCP);
  part("addrtype", 1, &local, sizeof local);
  target(e, "REDIRECT", 0, range, size);
  standard(RETURN);
}

static void mangle(void) {
  struct xt_conntrack_mtinfo3 ct = {.match_flags = XT_CONNTRACK_STATE, .state_mask = 6};
  struct xt_mark_mtinfo1 mark = {.mark = 1, .mask = 3};
  struct xt_multiport_v1 ports = {XT_MULTIPORT_EITHER, 3, {80, 100, 200}, {1, 0, 0}, 0};
  struct xt_owner_match_info owner = {.uid_min = 5, .uid_max = 9, .match = XT_OWNER_UID};
  struct xt_statistic_info nth = {.mode = XT_STATISTIC_MODE_NTH, .u.nth = {3, 1, 0}};
  struct xt_length_info length = {10, 100, 0};
  struct xt_iprange_mtinfo range = {.flags = IPRANGE_SRC};
  struct xt_pkttype_info type = {0, 0};
  struct xt_addrtype_info_v1 kinds = {.source = 4, .dest = 2};
  struct xt_udp udp = {.dpts = {1, 5}};
  char comment[256] = "a comment";
  unsigned char icmp[4] = {8, 0, 255, 0}, hops[2] = {2, 5};
  const struct {
    const char *name;
    int revision, size, protocol;
    void *data;
  } kinds_of[] = {
      {"conntrack", 3, sizeof ct, 0, &ct},
      {"mark", 1, sizeof mark, 0, &mark},
      {"connmark", 1, sizeof mark, 0, &mark},
      {"multiport", 1, sizeof ports, IPPROTO_TCP, &ports},
      {"owner", 1, sizeof owner, 0, &owner},
      {"statistic", 0, sizeof nth, 0, &nth},
      {"length", 0, sizeof length, 0, &length},
      {"iprange", 1, sizeof range, 0, &range},
      {"pkttype", 0, sizeof type, 0, &type},
      {"addrtype", 1, sizeof kinds, 0, &kinds},
      {"udp", 0, sizeof udp, IPPROTO_UDP, &udp},
      {"comment", 0, sizeof comment, 0, comment},
      {family->is_v6 ? "icmp6" : "icmp", 0, 4, family->is_v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, icmp},
      {family->is_v6 ? "hl" : "ttl", 0, 2, 0, hops}};
  struct xt_mark_tginfo2 set_mark = {.mark = 5, .mask = 7};
  struct xt_connmark_tginfo1 save = {.ctmask = 7, .nfmask = 7, .mode = XT_CONNMARK_SAVE};
  struct xt_connmark_tginfo2 restore = {
      .ctmask = 7, .nfmask = 7, .mode = XT_CONNMARK_RESTORE, .shift_bits = 3};
  begins("mangle", 31);
  for (int which = PRE; which <= POST; which++) {
    hook(which);
    if (which == OUT)
      for (unsigned i = 0; i < sizeof kinds_of / sizeof *kinds_of; i++) {
        char *e = entry(kinds_of[i].protocol);
        part(kinds_of[i].name, kinds_of[i].revision, kinds_of[i].data, kinds_of[i].size);
        if (i % 3 == 0)
          target(e, "MARK", 2, &set_mark, sizeof set_mark);
        else if (i % 3 == 1)
          target(e, "CONNMARK", 1, &save, sizeof save);
        else
          target(e, "CONNMARK", 2, &restore, sizeof restore);
      }
    policy(which, ACCEPT);
  }
}

static const struct {
  const char *name;
  unsigned hooks;
  void (*make)(void);
} tables[] = {{"filter", 1 << IN | 1 << FORWARD | 1 << OUT, filter},
              {"nat", 1 << PRE | 1 << IN | 1 << OUT | 1 << POST, nat},
              {"mangle", 31, mangle}};

// ---- What is said of them ----

static int info_of(const char *table, struct ipt_getinfo *info) {
  socklen_t length = sizeof *info;
  memset(info, 0, sizeof *info);
  strcpy(info->name, table);
  return getsockopt(fd, family->level, IPT_SO_GET_INFO, info, &length);
}

static int give(char *rules, unsigned length) {
  struct ipt_getinfo info;
  struct ipt_replace *r = (void *)rules;
  info_of(set->name, &info);
  r->num_counters = info.num_entries;
  r->counters = counts;
  return setsockopt(fd, family->level, IPT_SO_SET_REPLACE, r, length) ? -errno : 0;
}

// Chains as they are before anybody has said anything.
static void nothing(int table) {
  begins(tables[table].name, tables[table].hooks);
  for (int which = PRE; which <= POST; which++)
    if (tables[table].hooks & 1 << which) hook(which), policy(which, ACCEPT);
  chain(XT_ERROR_TARGET);
  int result = give(good, sizeof *set + set->size);
  if (result) say("nothing in %s: %s", set->name, error_name(result));
}

static unsigned sum;
static void add(const void *bytes, unsigned length) {
  for (unsigned i = 0; i < length; i++)
    sum = sum * 31 + ((unsigned char *)bytes)[i];
}

// A sum over all that stands in the table but for counts, and for what follows a name: that is the asker's own.
static unsigned given_back(void) {
  struct ipt_getinfo info;
  struct ipt_get_entries *all = (void *)got;
  if (info_of(set->name, &info)) return -1;
  memset(all, 0, sizeof *all + info.size);
  strcpy(all->name, set->name);
  all->size = info.size;
  socklen_t length = sizeof *all + info.size;
  if (getsockopt(fd, family->level, IPT_SO_GET_ENTRIES, all, &length)) return -2;
  sum = info.num_entries * 31 + info.size;
  for (unsigned at = 0; at < info.size;) {
    char *e = (char *)all->entrytable + at;
    add(e, family->counters);
    unsigned next = *word(e, family->next_offset);
    for (unsigned from = family->entry; from < next;) {
      struct xt_entry_match *m = (void *)(e + from);
      unsigned size = m->u.user.match_size;
      add(&size, 2), add(&m->u.user.revision, 1);
      add(m->u.user.name, strnlen(m->u.user.name, NAME));
      if (size < sizeof *m || from + size > next) break;
      add(m->data, size - sizeof *m);
      from += size;
    }
    at += next;
  }
  for (int i = 0; i < 5; i++)
    if (info.valid_hooks & 1 << i) sum = sum * 31 + info.hook_entry[i] * 5 + info.underflow[i];
  return sum;
}

static int is_name(unsigned at) {
  for (unsigned i = 0; i < name_count; i++)
    if (at >= names[i] + 2 && at < names[i] + 31) return 1;
  return 0;
}

static void mutate(unsigned size) {
  static const int values[] = {0,  1,  -1, -2, -3,  -4,  -5,     -6,     8,
                               16, 32, 40, 80, 112, 152, 0x7fff, 0xffff, 1 << 30};
  for (int k = any(3); k >= 0; k--) {
    unsigned at = 32 + any(size - 32);
    if (is_name(at) || (at >= 84 && at < 96) || (asked && at / 4 == asked / 4)) continue;
    switch (any(4)) {
    case 0:
      bad[at] ^= 1 << any(8);
      break;
    case 1:
      memcpy(bad + (at & ~1), &values[any(18)], 2);
      break;
    case 2:
      if (!is_name((at & ~3) + 3)) memcpy(bad + (at & ~3), &values[any(18)], 4);
      break;
    default:
      bad[at] = any(256);
    }
  }
}

static void mutations(int table) {
  tables[table].make();
  chain(XT_ERROR_TARGET);
  unsigned size = sizeof *set + set->size;
  int result = give(good, size);
  say("good: %s, given back %x", error_name(result), given_back());
  for (int batch = 0; batch < 60; batch++) {
    char line[1000];
    int n = 0;
    for (int i = 0; i < 40; i++) {
      memcpy(bad, good, size);
      mutate(size);
      result = give(bad, size);
      n += sprintf(line + n, " %d", -result);
      if (result == 0) n += sprintf(line + n, ":%x", given_back() & 0xfff);
    }
    say("%d:%s", batch, line);
  }
  // Each field of the head by itself.
  for (int at = 32; at <= 80; at += 4)
    for (int k = -2; k <= 2; k++) {
      memcpy(bad, good, size);
      *(int *)(bad + at) += k * 8;
      say("head %d %d: %s", at, k, error_name(give(bad, size)));
    }
  for (unsigned length = 0; length < size + 20; length += length < 100 ? 7 : 331) {
    memcpy(bad, good, size);
    say("length %u: %s", length, error_name(give(bad, length)));
  }
  for (unsigned i = 0; i < name_count; i++)
    for (int revision = 0; revision < 5; revision++) {
      memcpy(bad, good, size);
      bad[names[i] + 31] = revision;
      say("'%s' %d: %s", bad + names[i] + 2, revision, error_name(give(bad, size)));
    }
  static const char *const others[] = {"filter", "nat", "mangle", "raw", "nothere", ""};
  for (int t = 0; t < 6; t++) {
    memcpy(bad, good, size);
    memset(bad, 0, 32);
    strcpy(bad, others[t]);
    say("table '%s': %s", others[t], error_name(give(bad, size)));
  }
  nothing(table);
}

// ---- Options ----

static void lengths(void) {
  static const int options4[] = {62, 63, 64, 65, 66, 67, 68, 69, 70, 71},
                   options6[] = {63, 64, 65, 68, 69, 71};
  const int *options = family->is_v6 ? options6 : options4;
  for (int i = 0; i < (family->is_v6 ? 6 : 10); i++)
    for (int room = 0; room < 100; room += room < 28 ? 14 : room < 45 ? 2 : 1) {
      memset(got, 0, 200);
      strcpy(got, room == 30 ? "tcp" : "filter");
      socklen_t length = room;
      long r = SYS_5(SYS_getsockopt, fd, family->level, options[i], got, &length);
      if (r != -EINVAL && r != -ENOPROTOOPT)
        say("get %d of %d: %s %d", options[i], room, error_name(r), length);
      r = SYS_5(SYS_setsockopt, fd, family->level, options[i], got, room);
      if (r != -EINVAL && r != -ENOPROTOOPT) say("set %d of %d: %s", options[i], room, error_name(r));
    }
}

static void revisions(void) {
  static const struct {
    const char *name;
    int revision;
  } asked[] = {{"tcp", 0},      {"tcp", 1},     {"conntrack", 3}, {"conntrack", 4},  {"multiport", 1},
               {"REJECT", 0},   {"REJECT", 9},  {"DNAT", 2},      {"DNAT", 3},       {"MARK", 2},
               {"MARK", 3},     {"", 0},        {"ERROR", 0},     {"LOG", 0},        {"owner", 1},
               {"addrtype", 1}, {"comment", 0}, {"nothere", 0},   {"MASQUERADE", 0}, {"icmp", 0},
               {"icmp6", 0},    {"ttl", 0},     {"hl", 0}};
  int base = family->is_v6 ? IP6T_SO_GET_REVISION_MATCH : IPT_SO_GET_REVISION_MATCH;
  for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++)
    for (int option = base; option <= base + 1; option++) {
      struct xt_get_revision r = {.revision = asked[i].revision};
      socklen_t length = sizeof r;
      strcpy(r.name, asked[i].name);
      long result = SYS_5(SYS_getsockopt, fd, family->level, option, &r, &length);
      const char *said = failed(result) ? error_name(result) : "there";
      say("revision %d %s %d: %s", option, asked[i].name, asked[i].revision, said);
    }
}

int main(int argc, char **argv) {
  own_network();
  family = &families[argv[1][0] == '6'];
  fd = socket(family->domain, SOCK_RAW, IPPROTO_RAW);
  if (argc < 3) {
    lengths();
    revisions();
    return 0;
  }
  for (int table = 0; table < 3; table++)
    if (strcmp(argv[2], tables[table].name) == 0) mutations(table);
  return 0;
}
