// See landlock.h, landlock(7). System calls are made raw, and constants are our own: C libraries and headers
// that are as old as the oldest kernel supported do not know these.
#include "landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "report.h"

#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define CREATE_RULESET_VERSION 1
#define RULE_PATH_BENEATH 1

// LANDLOCK_ACCESS_FS_*
#define WRITE_FILE (1ull << 1)
#define REMOVE_DIR (1ull << 4)
#define MAKE_SYM (1ull << 12)
#define REFER (1ull << 13)
#define TRUNCATE (1ull << 14)
// REMOVE_DIR, REMOVE_FILE, MAKE_CHAR, _DIR, _REG, _SOCK, _FIFO, _BLOCK, _SYM
#define NAMES ((MAKE_SYM << 1) - REMOVE_DIR)

// Before the second version names could not be moved between directories at all.
#define VERSION_LEAST 2
#define VERSION_TRUNCATE 3

struct ruleset {
  uint64_t accesses;
};

struct __attribute__((packed)) rule {
  uint64_t accesses;
  int32_t tree;
};

static void allow(int ruleset, int tree, uint64_t accesses) {
  struct stat st;
  if (fstat(tree, &st) < 0) fail_errno(EXIT_RINGFENCE, "looking at a writable tree");
  struct rule rule = {.accesses = S_ISDIR(st.st_mode) ? accesses : accesses & (WRITE_FILE | TRUNCATE),
                      .tree = tree};
  if (syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
    fail_errno(EXIT_RINGFENCE, "letting the sandbox write to a tree");
}

bool landlock_writes_only_below(const int *trees, int count) {
  long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
  if (version < VERSION_LEAST) return false;
  uint64_t accesses = WRITE_FILE | NAMES | REFER | (version >= VERSION_TRUNCATE ? TRUNCATE : 0);
  struct ruleset attributes = {.accesses = accesses};
  int ruleset = (int)syscall(CREATE_RULESET, &attributes, sizeof attributes, 0);
  if (ruleset < 0) fail_errno(EXIT_RINGFENCE, "making a Landlock ruleset");
  for (int i = 0; i < count; i++)
    allow(ruleset, trees[i], accesses);
  if (syscall(RESTRICT_SELF, ruleset, 0) < 0) fail_errno(EXIT_RINGFENCE, "confining writes by Landlock");
  close(ruleset);
  return true;
}
