// Which devices linux.resources.devices lets a container use, as the list that is left when its rules have been taken one
// after the other as a device control group takes them (libcontainer's devices emulator; src/shared/device_rules.ts
// does the same in the sandbox).
#ifndef RINGFENCE_DEVICE_RULES_H
#define RINGFENCE_DEVICE_RULES_H

#include <stdbool.h>

#include "json.h"

#define DEVICE_RULES_MAX 4096

enum { DEVICE_READ = 1, DEVICE_WRITE = 2, DEVICE_MAKE = 4 };

struct device_rule {
  char type;              // 'b' or 'c'
  long long major, minor; // -1: any
  unsigned access;
};

struct device_rules {
  bool allows_others; // the rules say what is denied
  int count;
  struct device_rule rules[DEVICE_RULES_MAX]; // by major, minor and type
};

// The rules of linux.resources, and those that every container has behind them. Fails where they are not valid.
void device_rules_read(struct device_rules *rules, const struct json *json, unsigned resources);

#endif
