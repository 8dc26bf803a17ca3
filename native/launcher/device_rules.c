// Rules of devices: see device_rules.h.
#include "device_rules.h"

#include <stdlib.h>
#include <string.h>

#include "report.h"

#define NUMBER_MAX ((1ll << 32) - 1)

// What runc lets each container have, whatever its rules say (specconv.AllowedDevices).
static const struct device_rule defaults[] = {
    {'c', -1, -1, DEVICE_MAKE},
    {'b', -1, -1, DEVICE_MAKE},
    {'c', 1, 3, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 1, 8, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 1, 7, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 5, 0, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 1, 5, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 1, 9, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 136, -1, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 5, 2, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
    {'c', 10, 200, DEVICE_READ | DEVICE_WRITE | DEVICE_MAKE},
};

static struct device_rule *find(struct device_rules *rules, const struct device_rule *rule) {
  for (int i = 0; i < rules->count; i++) {
    struct device_rule *known = &rules->rules[i];
    if (known->type == rule->type && known->major == rule->major && known->minor == rule->minor) return known;
  }
  return NULL;
}

static void add(struct device_rules *rules, const struct device_rule *rule) {
  struct device_rule *known = find(rules, rule);
  if (known)
    known->access |= rule->access;
  else if (rules->count < DEVICE_RULES_MAX)
    rules->rules[rules->count++] = *rule;
}

// Of a wider rule nothing can be taken away: a control group of v1 would leave it, without a word.
static void take_away(struct device_rules *rules, const struct device_rule *rule) {
  struct device_rule *known;
  for (int wider = 1; wider < 4; wider++) {
    const struct device_rule other = {rule->type, wider & 1 ? -1 : rule->major, wider & 2 ? -1 : rule->minor,
                                      0};
    if (other.major == rule->major && other.minor == rule->minor) continue;
    known = find(rules, &other);
    if (known && (known->access & rule->access))
      fail(EXIT_RINGFENCE, "linux.resources.devices: no exception can be made from a rule for more devices");
  }
  known = find(rules, rule);
  if (!known) return;
  known->access &= ~rule->access;
  if (known->access == 0) *known = rules->rules[--rules->count];
}

static void apply(struct device_rules *rules, const struct device_rule *rule, bool allow) {
  if (rule->type == 'a') {
    rules->allows_others = allow;
    rules->count = 0;
  } else if (allow == rules->allows_others) {
    take_away(rules, rule);
  } else {
    add(rules, rule);
  }
}

static long long number(const struct json *json, unsigned item, const char *member) {
  unsigned token = json_member(json, item, member);
  long long value;
  if (!token || json_is(json, token, JSON_NULL)) return -1;
  if (!json_integer(json, token, -1, NUMBER_MAX, &value))
    fail(EXIT_RINGFENCE, "linux.resources.devices: %s must be a number", member);
  return value;
}

static unsigned access_of(const struct json *json, unsigned item) {
  char text[8];
  unsigned access = 0;
  if (!json_text(json, json_member(json, item, "access"), text, sizeof text) || !text[0])
    fail(EXIT_RINGFENCE, "linux.resources.devices: access must be of the letters r, w and m");
  for (const char *at = text; *at; at++)
    access |= *at == 'r' ? DEVICE_READ : *at == 'w' ? DEVICE_WRITE : *at == 'm' ? DEVICE_MAKE : 0;
  return access;
}

static int by_number(const void *left, const void *right) {
  const struct device_rule *a = left, *b = right;
  if (a->major != b->major) return a->major < b->major ? -1 : 1;
  if (a->minor != b->minor) return a->minor < b->minor ? -1 : 1;
  return a->type - b->type;
}

void device_rules_read(struct device_rules *rules, const struct json *json, unsigned resources) {
  rules->allows_others = false;
  rules->count = 0;
  int read = 0;
  unsigned list = resources ? json_member(json, resources, "devices") : 0;
  for (unsigned item = list ? json_first(json, list) : 0; item; item = json_next(json, list, item)) {
    if (++read > DEVICE_RULES_MAX) fail(EXIT_RINGFENCE, "linux.resources.devices has too many rules");
    char type[4] = "a";
    unsigned token = json_member(json, item, "type");
    if (token && !json_is(json, token, JSON_NULL) &&
        (!json_text(json, token, type, sizeof type) || (type[0] && (type[1] || !strchr("abc", type[0])))))
      fail(EXIT_RINGFENCE, "linux.resources.devices: a type must be a, b or c");
    const struct device_rule rule = {type[0] ? type[0] : 'a', number(json, item, "major"),
                                     number(json, item, "minor"), access_of(json, item)};
    apply(rules, &rule, json_is(json, json_member(json, item, "allow"), JSON_TRUE));
  }
  for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
    apply(rules, &defaults[i], true);
  qsort(rules->rules, (size_t)rules->count, sizeof rules->rules[0], by_number);
}
