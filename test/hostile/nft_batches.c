// Batches for nf_tables as no nft would send them: mutations of a good one, lengths that lie, as many rules, elements and
// chains as a message holds, chains that double what a packet costs or that everything leads to, and threads that change and
// list what there is, and go away in the midst of it, with their network too, while others send. What is refused is refused with an error, what is
// taken can be listed and flushed, and a witness waits no longer than it should.
//@ args: 0
//@ args: 1
//@ args: 2
//@ args: 3
//@ args: 4
//@ ends: 0
//@ deadline: 60
//@ needs: sockets threads fork
//@ cflags: -pthread
#include "hostile.h"
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define ROOM (16 << 20)
enum { ACCEPT = 1, INPUT = 1, IPV4 = 2 };

// ---- Messages ----

struct batch {
  char *bytes;
  unsigned length;
};
static struct batch one, copy;

static void number16(char *at, unsigned value) {
  *(unsigned short *)at = value;
}

// Where something begins whose length is not known yet.
static unsigned begin_message(struct batch *b, int type, int flags, int family) {
  unsigned start = b->length;
  memset(b->bytes + start, 0, 20);
  number16(b->bytes + start + 4, type);
  number16(b->bytes + start + 6, flags | NLM_F_REQUEST);
  b->bytes[start + 16] = family;
  b->length += 20;
  return start;
}

static void end_message(struct batch *b, unsigned start) {
  *(unsigned *)(b->bytes + start) = b->length - start;
}

static unsigned begin_nft(struct batch *b, int message, int flags) {
  return begin_message(b, NFNL_SUBSYS_NFTABLES << 8 | message, flags, IPV4);
}

static unsigned begin(struct batch *b, int type) {
  unsigned start = b->length;
  number16(b->bytes + start + 2, type);
  b->length += 4;
  return start;
}

static void end(struct batch *b, unsigned start) {
  number16(b->bytes + start, b->length - start);
}

static void attribute(struct batch *b, int type, const void *value, unsigned length) {
  unsigned start = begin(b, type);
  memcpy(b->bytes + b->length, value, length);
  b->length += length;
  end(b, start);
  while (b->length % 4)
    b->bytes[b->length++] = 0;
}

static void text(struct batch *b, int type, const char *value) {
  attribute(b, type, value, strlen(value) + 1);
}

static void number(struct batch *b, int type, unsigned value) {
  value = htonl(value);
  attribute(b, type, &value, 4);
}

static void begin_batch(struct batch *b) {
  b->length = 0;
  unsigned start = begin_message(b, NFNL_MSG_BATCH_BEGIN, 0, 0);
  b->bytes[start + 19] = NFNL_SUBSYS_NFTABLES;
  end_message(b, start);
}

static void end_batch(struct batch *b) {
  end_message(b, begin_message(b, NFNL_MSG_BATCH_END, NLM_F_ACK, 0));
}

// ---- Tables, chains, rules ----

static void table(struct batch *b) {
  unsigned start = begin_nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  text(b, NFTA_TABLE_NAME, "t");
  end_message(b, start);
}

static void chain(struct batch *b, const char *name, int hook) {
  unsigned start = begin_nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  text(b, NFTA_CHAIN_TABLE, "t");
  text(b, NFTA_CHAIN_NAME, name);
  if (hook >= 0) {
    unsigned nested = begin(b, NFTA_CHAIN_HOOK);
    number(b, NFTA_HOOK_HOOKNUM, hook);
    number(b, NFTA_HOOK_PRIORITY, 0);
    end(b, nested);
  }
  end_message(b, start);
}

static unsigned in_rule, in_expressions;

static void begin_rule(struct batch *b, const char *name) {
  in_rule = begin_nft(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  text(b, NFTA_RULE_TABLE, "t");
  text(b, NFTA_RULE_CHAIN, name);
  in_expressions = begin(b, NFTA_RULE_EXPRESSIONS);
}

static void end_rule(struct batch *b) {
  end(b, in_expressions);
  end_message(b, in_rule);
}

static unsigned in_expression, in_data;

static void begin_expression(struct batch *b, const char *name) {
  in_expression = begin(b, NFTA_LIST_ELEM);
  text(b, NFTA_EXPR_NAME, name);
  in_data = begin(b, NFTA_EXPR_DATA);
}

static void end_expression(struct batch *b) {
  end(b, in_data);
  end(b, in_expression);
}

static void verdict(struct batch *b, int code, const char *to) {
  begin_expression(b, "immediate");
  number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  unsigned data = begin(b, NFTA_IMMEDIATE_DATA), of = begin(b, NFTA_DATA_VERDICT);
  number(b, NFTA_VERDICT_CODE, code);
  if (to) text(b, NFTA_VERDICT_CHAIN, to);
  end(b, of);
  end(b, data);
  end_expression(b);
}

static void port(struct batch *b) {
  begin_expression(b, "payload");
  number(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
  number(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
  number(b, NFTA_PAYLOAD_OFFSET, 2);
  number(b, NFTA_PAYLOAD_LEN, 2);
  end_expression(b);
}

static void compares(struct batch *b, int op, unsigned short value) {
  begin_expression(b, "cmp");
  number(b, NFTA_CMP_SREG, NFT_REG_1);
  number(b, NFTA_CMP_OP, op);
  unsigned data = begin(b, NFTA_CMP_DATA);
  attribute(b, NFTA_DATA_VALUE, &value, 2);
  end(b, data);
  end_expression(b);
}

static void plain(struct batch *b, const char *name) {
  begin_expression(b, name);
  end_expression(b);
}

static void set(struct batch *b, const char *name, int id, int flags) {
  unsigned start = begin_nft(b, NFT_MSG_NEWSET, NLM_F_CREATE);
  text(b, NFTA_SET_TABLE, "t");
  text(b, NFTA_SET_NAME, name);
  number(b, NFTA_SET_KEY_LEN, 2);
  number(b, NFTA_SET_ID, id);
  number(b, NFTA_SET_FLAGS, flags);
  if (flags & NFT_SET_MAP) number(b, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
  end_message(b, start);
}

static unsigned in_elements, in_list;

static void begin_elements(struct batch *b, const char *name) {
  in_elements = begin_nft(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
  text(b, NFTA_SET_ELEM_LIST_TABLE, "t");
  text(b, NFTA_SET_ELEM_LIST_SET, name);
  in_list = begin(b, NFTA_SET_ELEM_LIST_ELEMENTS);
}

static void end_elements(struct batch *b) {
  end(b, in_list);
  end_message(b, in_elements);
}

static void element(struct batch *b, unsigned short value, const char *to) {
  unsigned start = begin(b, NFTA_LIST_ELEM), key = begin(b, NFTA_SET_ELEM_KEY);
  attribute(b, NFTA_DATA_VALUE, &value, 2);
  end(b, key);
  if (to) {
    unsigned data = begin(b, NFTA_SET_ELEM_DATA), of = begin(b, NFTA_DATA_VERDICT);
    number(b, NFTA_VERDICT_CODE, NFT_JUMP);
    text(b, NFTA_VERDICT_CHAIN, to);
    end(b, of);
    end(b, data);
  }
  end(b, start);
}

static void looks_up(struct batch *b, const char *name, int id, int verdicts) {
  port(b);
  begin_expression(b, "lookup");
  text(b, NFTA_LOOKUP_SET, name);
  number(b, NFTA_LOOKUP_SREG, NFT_REG_1);
  number(b, NFTA_LOOKUP_SET_ID, id);
  if (verdicts) number(b, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
  end_expression(b);
}

// ---- Talking ----

static int open_socket(void) {
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), most = ROOM;
  if (s < 0) bad("a socket of netfilter", -errno);
  setsockopt(s, SOL_SOCKET, SO_SNDBUFFORCE, &most, sizeof most);
  setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &most, sizeof most);
  return s;
}

// The first error that is told, or 0.
static int errors_in(int s) {
  static __thread char answer[1 << 16];
  int found = 0;
  for (ssize_t n; (n = recv(s, answer, sizeof answer, MSG_DONTWAIT)) > 0;) {
    struct nlmsghdr *h = (void *)answer;
    if (h->nlmsg_type == NLMSG_ERROR && !found) found = *(int *)NLMSG_DATA(h);
  }
  return found;
}

static int give(int s, const struct batch *b) {
  if (send(s, b->bytes, b->length, 0) < 0) return -errno;
  return errors_in(s);
}

static void flush(int s) {
  static __thread char room[256];
  struct batch b = {room, 0};
  begin_batch(&b);
  end_message(&b, begin_message(&b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_DELTABLE, 0, 0));
  end_batch(&b);
  int result = give(s, &b);
  if (result) bad("tables are flushed", result);
}

// Everything is listed, to its end.
static int list(int s, int message) {
  static __thread char answer[1 << 17];
  char room[256];
  struct batch b = {room, 0};
  unsigned start = begin_message(&b, NFNL_SUBSYS_NFTABLES << 8 | message, NLM_F_DUMP, 0);
  if (message == NFT_MSG_GETSETELEM) {
    b.bytes[start + 16] = IPV4;
    text(&b, NFTA_SET_ELEM_LIST_TABLE, "t");
    text(&b, NFTA_SET_ELEM_LIST_SET, "s");
  }
  end_message(&b, start);
  if (send(s, b.bytes, b.length, 0) < 0) return -1;
  int count = 0;
  for (;;) {
    ssize_t n = recv(s, answer, sizeof answer, 0);
    if (n < 0) bad("a list", -errno);
    for (struct nlmsghdr *h = (void *)answer; n > 0 && NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
      if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) return count;
      count++;
    }
  }
}

static void list_all(int s) {
  static const int messages[] = {NFT_MSG_GETTABLE, NFT_MSG_GETCHAIN, NFT_MSG_GETRULE, NFT_MSG_GETSET,
                                 NFT_MSG_GETSETELEM};
  for (unsigned i = 0; i < sizeof messages / sizeof *messages; i++)
    list(s, messages[i]);
}

static void send_some(int count) {
  struct sockaddr_in to = {AF_INET, htons(7200), {htonl(INADDR_LOOPBACK)}, {0}};
  int s = socket(AF_INET, SOCK_DGRAM, 0);
  for (int i = 0; i < count; i++)
    sendto(s, "x", 1, MSG_DONTWAIT, (void *)&to, sizeof to);
  close(s);
}

// ---- Attacks ----

static void good(struct batch *b) {
  begin_batch(b);
  table(b);
  chain(b, "i", INPUT);
  chain(b, "u", -1);
  set(b, "s", 1, NFT_SET_INTERVAL);
  begin_elements(b, "s");
  for (int i = 0; i < 10; i++)
    element(b, htons(7000 + i * 10), 0);
  end_elements(b);
  set(b, "m", 2, NFT_SET_MAP);
  begin_elements(b, "m");
  element(b, htons(7200), "u");
  end_elements(b);
  begin_rule(b, "u"), plain(b, "counter"), verdict(b, NFT_RETURN, 0), end_rule(b);
  begin_rule(b, "i"), port(b), compares(b, NFT_CMP_LT, htons(9)), verdict(b, ACCEPT, 0), end_rule(b);
  begin_rule(b, "i"), looks_up(b, "m", 2, 1), end_rule(b);
  begin_rule(b, "i"), looks_up(b, "s", 1, 0), plain(b, "counter"), verdict(b, NFT_JUMP, "u"), end_rule(b);
  end_batch(b);
}

static void mutations(void) {
  int s = open_socket();
  good(&one);
  int result = give(s, &one);
  if (result) bad("a good batch", result);
  list_all(s);
  memcpy(copy.bytes, one.bytes, copy.length = one.length);
  double until = seconds() + FORGE_S;
  unsigned taken = 0;
  for (int i = 0; seconds() < until; i++) {
    memcpy(one.bytes, copy.bytes, one.length = copy.length);
    for (int k = next_random() % 4; k >= 0; k--) {
      unsigned at = 20 + next_random() % (one.length - 28);
      switch (next_random() % 5) {
      case 0:
        one.bytes[at] ^= 1 << next_random() % 8;
        break;
      case 1:
        *(short *)(one.bytes + (at & ~1)) = nasty();
        break;
      case 2:
        *(int *)(one.bytes + (at & ~3)) = nasty();
        break;
      case 3:
        one.bytes[at] = next_random();
        break;
      default:
        memmove(one.bytes + (at & ~3), copy.bytes + (next_random() % (one.length - 8) & ~3u), 8);
      }
    }
    if (i % 9 == 0) one.length = next_random() % one.length + 1;
    if (give(s, &one) == 0) taken++;
    if (i % 4 == 0) list_all(s);
    if (i % 8 == 0) flush(s), send_some(3);
  }
  if (taken == 0) bad("mutations that are taken", taken);
  // Questions, and any message at all.
  for (int i = 0; i < 20000; i++) {
    for (unsigned k = 0; k < 100; k += 4)
      *(int *)(one.bytes + k) = i & 1 ? nasty() : next_random() % 40;
    *(unsigned *)one.bytes = i % 3 ? 20 + next_random() % 80 : next_random() % 30;
    number16(one.bytes + 4,
             (next_random() % 3 ? NFNL_SUBSYS_NFTABLES : next_random() % 16) << 8 | next_random() % 40);
    send(s, one.bytes, 100, MSG_DONTWAIT);
    errors_in(s);
  }
  flush(s);
  close(s);
}

// As much as a message holds, of each kind; all of it is listed, and goes.
static void as_many(void) {
  int s = open_socket();
  for (int kind = 0; kind < 4; kind++) {
    char name[20];
    begin_batch(&one);
    table(&one);
    chain(&one, "i", INPUT);
    set(&one, "s", 1, 0);
    for (int i = 0; one.length + 80000 < ROOM - 100; i++)
      switch (kind) {
      case 0:
        begin_rule(&one, "i"), end_rule(&one);
        break;
      case 1:
        begin_rule(&one, "i");
        for (int k = 0; k < 120; k++)
          plain(&one, "counter");
        end_rule(&one);
        break;
      case 2:
        snprintf(name, sizeof name, "c%d", i);
        chain(&one, name, -1);
        break;
      default:
        begin_elements(&one, "s");
        for (int k = 0; k < 1000; k++)
          element(&one, i * 1000 + k, 0);
        end_elements(&one);
      }
    end_batch(&one);
    int result = give(s, &one);
    if (result && result != -ENOMEM) bad("as many as there may be", result);
    if (result == 0) list_all(s);
    send_some(1000);
    flush(s);
  }
  close(s);
}

// Chains that double what a packet costs, and chains of which each leads to all of the next layer.
static void doubled(void) {
  enum { LAYERS = 14, WIDTH = 60 };
  int s = open_socket();
  char name[20], next[20];
  for (int width = 1; width <= WIDTH; width += WIDTH - 1) {
    begin_batch(&one);
    table(&one);
    chain(&one, "i", INPUT);
    for (int layer = 0; layer < LAYERS; layer++)
      for (int i = 0; i < width; i++)
        snprintf(name, sizeof name, "c%d_%d", layer, i), chain(&one, name, -1);
    for (int layer = 0; layer + 1 < LAYERS; layer++)
      for (int i = 0; i < width; i++)
        for (int k = 0; k < (width == 1 ? 2 : width); k++) {
          snprintf(name, sizeof name, "c%d_%d", layer, i);
          snprintf(next, sizeof next, "c%d_%d", layer + 1, k % width);
          begin_rule(&one, name), verdict(&one, NFT_JUMP, next), end_rule(&one);
        }
    for (int k = 0; k < width; k++) {
      snprintf(next, sizeof next, "c0_%d", k);
      begin_rule(&one, "i"), verdict(&one, NFT_JUMP, next), end_rule(&one);
    }
    end_batch(&one);
    int result = give(s, &one);
    if (result) bad("layers of chains", result);
    send_some(1000);
    // A ring is none that is taken, from wherever.
    begin_batch(&one);
    snprintf(name, sizeof name, "c%d_0", LAYERS - 1);
    for (int i = 0; i < 100; i++)
      begin_rule(&one, name), verdict(&one, NFT_JUMP, "c0_0"), end_rule(&one);
    end_batch(&one);
    result = give(s, &one);
    if (result != -EMLINK) bad("chains in a ring", result);
    send_some(100);
    flush(s);
  }
  // Rules of as many expressions as there may be, which each packet meets.
  begin_batch(&one);
  table(&one);
  chain(&one, "i", INPUT);
  for (int i = 0; i < 500; i++) {
    begin_rule(&one, "i");
    port(&one);
    for (int k = 0; k < 127; k++)
      compares(&one, NFT_CMP_NEQ, 0);
    end_rule(&one);
  }
  end_batch(&one);
  int result = give(s, &one);
  if (result) bad("long rules", result);
  send_some(1000);
  flush(s);
  close(s);
}

static volatile int is_over;

static void *lister(void *unused) {
  for (int i = 0; !is_over; i++) {
    int s = open_socket();
    list_all(s);
    // One that is closed half way.
    struct {
      struct nlmsghdr h;
      struct nfgenmsg g;
    } m = {{sizeof m, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_REQUEST | NLM_F_DUMP, 0, 0}, {0}};
    send(s, &m, sizeof m, 0);
    close(s);
  }
  return unused;
}

// Rules and elements enough for more than one piece.
static void much(struct batch *b) {
  begin_batch(b);
  table(b);
  chain(b, "i", INPUT);
  set(b, "s", 1, 0);
  begin_elements(b, "s");
  for (int k = 0; k < 1000; k++)
    element(b, k, 0);
  end_elements(b);
  for (int i = 0; i < 3000; i++)
    begin_rule(b, "i"), plain(b, "counter"), end_rule(b);
  end_batch(b);
}

static void *changer(void *unused) {
  for (int i = 0; !is_over; i++) {
    int s = open_socket();
    int result = give(s, &one);
    if (result && result != -ENOMEM) bad("rules in turn", result);
    if (i % 3 == 0) flush(s);
    close(s);
  }
  return unused;
}

static void *sender(void *unused) {
  while (!is_over)
    send_some(50);
  return unused;
}

static void at_once(void) {
  static void *(*const kinds[])(void *) = {lister, changer, sender, lister, changer};
  enum { COUNT = sizeof kinds / sizeof *kinds };
  pthread_t threads[COUNT];
  much(&one);
  for (int i = 0; i < COUNT; i++)
    pthread_create(&threads[i], 0, kinds[i], 0);
  usleep(FLOOD_S * 1000000);
  is_over = 1;
  for (int i = 0; i < COUNT; i++)
    pthread_join(threads[i], 0);
  int s = open_socket();
  flush(s);
  close(s);
}

// Who changes something dies, and its network goes with it.
static void gone(void) {
  much(&one);
  for (int i = 0; i < 60; i++) {
    pid_t child = fork();
    if (child == 0) {
      if (unshare(CLONE_NEWNET)) bad("a network of its own", -errno);
      int s = open_socket();
      for (;;)
        give(s, &one);
    }
    usleep(next_random() % 60000);
    kill(child, SIGKILL);
    waitpid(child, 0, 0);
  }
}

int main(int argc, char **argv) {
  static void (*const attacks[])(void) = {mutations, as_many, doubled, at_once, gone};
  one.bytes = malloc(ROOM);
  copy.bytes = malloc(1 << 20);
  attacks[argc > 1 ? atoi(argv[1]) : 0]();
  int s = open_socket(), left = list(s, NFT_MSG_GETTABLE);
  if (left != 0) bad("tables that are left", left);
  close(s);
  say("done");
  return 0;
}
