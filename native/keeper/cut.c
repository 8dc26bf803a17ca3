// Cutting the host's stack off a link: a chain at ingress in a table `ringfence` of the host's packet filter (nftables,
// family netdev). Packet sockets see frames before it. Messages of nfnetlink are written here one by one, since the
// keeper runs no program.
//
// The table belongs to the socket (NFT_TABLE_F_OWNER): when the keeper is gone, however it ended, so is the table.
#include "keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 0x2
#endif
#define NETDEV_INGRESS 0
#define PRIORITY (-500)
#define TABLE "ringfence"
#define BATCH_MAX 4096
#define NEIGHBOUR_ADVERTISEMENT 136
#define IP6_NEXT_HEADER 6

// A batch of messages that is being written.
struct batch {
  char bytes[BATCH_MAX];
  size_t length;
  size_t message; // where the last one begins
  uint32_t sequence;
};

static void put(struct batch *batch, const void *bytes, size_t length) {
  if (batch->length + NLMSG_ALIGN(length) > sizeof batch->bytes) __builtin_trap(); // known when it is written
  memset(batch->bytes + batch->length, 0, NLMSG_ALIGN(length));
  memcpy(batch->bytes + batch->length, bytes, length);
  batch->length += NLMSG_ALIGN(length);
}

static void begin(struct batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
  batch->message = batch->length;
  struct nlmsghdr header = {
      .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++batch->sequence};
  struct nfgenmsg body = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  put(batch, &header, sizeof header);
  put(batch, &body, sizeof body);
}

static void end(struct batch *batch) {
  ((struct nlmsghdr *)(batch->bytes + batch->message))->nlmsg_len =
      (uint32_t)(batch->length - batch->message);
}

static void attribute(struct batch *batch, uint16_t type, const void *value, size_t length) {
  struct nlattr header = {.nla_len = (uint16_t)(sizeof header + length), .nla_type = type};
  put(batch, &header, sizeof header);
  put(batch, value, length);
}

static void text(struct batch *batch, uint16_t type, const char *value) {
  attribute(batch, type, value, strlen(value) + 1);
}

static void number(struct batch *batch, uint16_t type, uint32_t value) {
  attribute(batch, type, &(uint32_t){htonl(value)}, sizeof(uint32_t));
}

static size_t nest(struct batch *batch, uint16_t type) {
  size_t at = batch->length;
  put(batch, &(struct nlattr){.nla_type = type | NLA_F_NESTED}, sizeof(struct nlattr));
  return at;
}

static void leave(struct batch *batch, size_t at) {
  ((struct nlattr *)(batch->bytes + at))->nla_len = (uint16_t)(batch->length - at);
}

// ---- Expressions of a rule ----

struct nested {
  size_t element, data;
};

static struct nested expression(struct batch *batch, const char *name) {
  struct nested nested = {.element = nest(batch, NFTA_LIST_ELEM)};
  text(batch, NFTA_EXPR_NAME, name);
  nested.data = nest(batch, NFTA_EXPR_DATA);
  return nested;
}

static void expression_end(struct batch *batch, struct nested nested) {
  leave(batch, nested.data);
  leave(batch, nested.element);
}

// To the register, and from there.
static void load_meta(struct batch *batch, uint32_t key) {
  struct nested nested = expression(batch, "meta");
  number(batch, NFTA_META_DREG, NFT_REG_1);
  number(batch, NFTA_META_KEY, key);
  expression_end(batch, nested);
}

static void load_bytes(struct batch *batch, uint32_t base, uint32_t offset, uint32_t length) {
  struct nested nested = expression(batch, "payload");
  number(batch, NFTA_PAYLOAD_DREG, NFT_REG_1);
  number(batch, NFTA_PAYLOAD_BASE, base);
  number(batch, NFTA_PAYLOAD_OFFSET, offset);
  number(batch, NFTA_PAYLOAD_LEN, length);
  expression_end(batch, nested);
}

static void compare(struct batch *batch, uint32_t operation, const void *value, size_t length) {
  struct nested nested = expression(batch, "cmp");
  number(batch, NFTA_CMP_SREG, NFT_REG_1);
  number(batch, NFTA_CMP_OP, operation);
  size_t data = nest(batch, NFTA_CMP_DATA);
  attribute(batch, NFTA_DATA_VALUE, value, length);
  leave(batch, data);
  expression_end(batch, nested);
}

static void is_protocol(struct batch *batch, uint16_t protocol) {
  load_meta(batch, NFT_META_PROTOCOL);
  compare(batch, NFT_CMP_EQ, &(uint16_t){htons(protocol)}, sizeof protocol);
}

static void is_transport(struct batch *batch, uint8_t protocol) {
  load_meta(batch, NFT_META_L4PROTO);
  compare(batch, NFT_CMP_EQ, &protocol, sizeof protocol);
}

static void is_to_host_port(struct batch *batch) {
  load_bytes(batch, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t));
  compare(batch, NFT_CMP_GTE, &(uint16_t){htons(HOST_PORT_MIN)}, sizeof(uint16_t));
  compare(batch, NFT_CMP_LTE, &(uint16_t){htons(HOST_PORT_MAX)}, sizeof(uint16_t));
}

static void is_byte(struct batch *batch, uint32_t base, uint32_t offset, uint8_t value) {
  load_bytes(batch, base, offset, sizeof value);
  compare(batch, NFT_CMP_EQ, &value, sizeof value);
}

static void accept_it(struct batch *batch) {
  struct nested nested = expression(batch, "immediate");
  number(batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
  size_t data = nest(batch, NFTA_IMMEDIATE_DATA), verdict = nest(batch, NFTA_DATA_VERDICT);
  number(batch, NFTA_VERDICT_CODE, NF_ACCEPT);
  leave(batch, verdict);
  leave(batch, data);
  expression_end(batch, nested);
}

// ---- Table, chain and rules ----

static uint16_t nft(uint16_t type) {
  return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

static void new_table(struct batch *batch) {
  begin(batch, nft(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_ACK, NFPROTO_NETDEV, 0);
  text(batch, NFTA_TABLE_NAME, TABLE);
  number(batch, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  end(batch);
}

static void new_chain(struct batch *batch, const char *chain, const char *name) {
  begin(batch, nft(NFT_MSG_NEWCHAIN), NLM_F_CREATE, NFPROTO_NETDEV, 0);
  text(batch, NFTA_CHAIN_TABLE, TABLE);
  text(batch, NFTA_CHAIN_NAME, chain);
  size_t hook = nest(batch, NFTA_CHAIN_HOOK);
  number(batch, NFTA_HOOK_HOOKNUM, NETDEV_INGRESS);
  number(batch, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
  text(batch, NFTA_HOOK_DEV, name);
  leave(batch, hook);
  number(batch, NFTA_CHAIN_POLICY, NF_DROP);
  text(batch, NFTA_CHAIN_TYPE, "filter");
  end(batch);
}

static size_t begin_rule(struct batch *batch, const char *chain) {
  begin(batch, nft(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND, NFPROTO_NETDEV, 0);
  text(batch, NFTA_RULE_TABLE, TABLE);
  text(batch, NFTA_RULE_CHAIN, chain);
  return nest(batch, NFTA_RULE_EXPRESSIONS);
}

static void end_rule(struct batch *batch, size_t expressions) {
  accept_it(batch);
  leave(batch, expressions);
  end(batch);
}

static void begin_batch(struct batch *batch) {
  begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  end(batch);
}

// Ends the batch and sends it; the first error of the answers, or 0. Each of its messages may have one, the one
// that is to be acknowledged (NLM_F_ACK) has one in any case, and all are there when the batch has been sent. What was left
// of them would be taken for the next one's.
static int transact(int fd, struct batch *batch) {
  begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
  end(batch);
  if (send(fd, batch->bytes, batch->length, 0) < 0) return errno;
  int first = 0;
  for (bool isAnswered = false;;) {
    char bytes[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return isAnswered ? first : errno;
    for (struct nlmsghdr *header = (struct nlmsghdr *)bytes; NLMSG_OK(header, n);
         header = NLMSG_NEXT(header, n)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      isAnswered = true;
      if (first == 0) first = -((struct nlmsgerr *)NLMSG_DATA(header))->error;
    }
  }
}

struct chain {
  char name[32];
};

static struct chain chain_of(const char *name, unsigned index) {
  struct chain chain;
  snprintf(chain.name, sizeof chain.name, "link-%u-%s", index, name);
  return chain;
}

int cut_link(int socket, const char *name, unsigned index, bool ports) {
  struct batch batch = {0};
  const struct chain of = chain_of(name, index);
  const char *chain = of.name;
  begin_batch(&batch);
  new_table(&batch);
  new_chain(&batch, chain, name);
  size_t expressions = begin_rule(&batch, chain);
  is_protocol(&batch, ETH_P_ARP);
  end_rule(&batch, expressions);
  expressions = begin_rule(&batch, chain);
  is_protocol(&batch, ETH_P_IPV6);
  is_byte(&batch, NFT_PAYLOAD_NETWORK_HEADER, IP6_NEXT_HEADER, 58);
  is_byte(&batch, NFT_PAYLOAD_TRANSPORT_HEADER, 0, NEIGHBOUR_ADVERTISEMENT);
  end_rule(&batch, expressions);
  static const uint8_t transports[] = {IPPROTO_UDP, IPPROTO_TCP};
  for (size_t i = 0; ports && i < sizeof transports; i++) {
    expressions = begin_rule(&batch, chain);
    is_transport(&batch, transports[i]);
    is_to_host_port(&batch);
    end_rule(&batch, expressions);
  }
  errno = transact(socket, &batch);
  return errno == 0 ? 0 : -1;
}

int cut_open(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

void uncut_link(int socket, const char *name, unsigned index) {
  struct batch batch = {0};
  begin_batch(&batch);
  begin(&batch, nft(NFT_MSG_DELCHAIN), NLM_F_ACK, NFPROTO_NETDEV, 0);
  text(&batch, NFTA_CHAIN_TABLE, TABLE);
  text(&batch, NFTA_CHAIN_NAME, chain_of(name, index).name);
  end(&batch);
  transact(socket, &batch);
}
