// F9-F11: of a site whose jump covers two instructions a guest jumps to every byte, writes others there behind the
// kernel's back, forges traps of the border between the two, and has threads come there while sites and pools go.
//@ args: bytes
//@ args: write
//@ args: forge
//@ args: race
//@ args: many
//@ ends: 0 132 133 135 139
//@ cflags: -pthread
//@ deadline: 30
#include "../guest/sites.h"
#include "jumps.h"
#include <fcntl.h>
#include <pthread.h>

BORDER_SITE(close_site);

#define SITE_BYTES 12

static const unsigned char *site(void) {
  return (const unsigned char *)close_site + 6;
}

static void still_works(void) {
  for (int i = 0; i < WARM; i++)
    if (close_site(SYS_close, -1, 0, 0) != -EBADF) bad("a call", i);
}

static int enter(const void *at) {
  long result;
  long c = 0;
  __asm__ volatile("sub $128, %%rsp\n call *%[at]\n add $128, %%rsp"
                   : "=a"(result), "+c"(c)
                   : [at] "r"(at), "a"(SYS_close), "D"(-1l), "S"(0l)
                   : "rdx", "r11", "memory");
  return result == -EBADF;
}

static void to_every_byte(void) {
  for (int round = 0; round < 3; round++)
    for (int i = -6; i < SITE_BYTES; i++) {
      pid_t child = fork_to_jump();
      if (child == 0) {
        uint64_t r[JUMP_REGISTERS];
        for (int k = 0; k < JUMP_REGISTERS; k++)
          r[k] = next_random() % 2 ? SLOT + next_random() % 0x20000 : nasty();
        jump_to((uint64_t)(site() + i), r, nasty());
      }
      leave_behind(child);
    }
}

static void behind_the_back(void) {
  unsigned char *page = (unsigned char *)((uint64_t)site() & -PAGE), *at = (unsigned char *)site();
  for (int round = 0; round < 12; round++) {
    pid_t child = fork_to_jump();
    if (child == 0) {
      // By the stub's own call: the page is this process's.
      if (HOST_3(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) bad("mprotect", 0);
      if (round % 3 == 0) memset(at, 0xcc, 5);
      if (round % 3 == 1) at[3] = 0x90;
      if (round % 3 == 2) at[0] = 0xcc;
      if (round >= 6) enter(at + round % 2 * 3);
      // The kernel makes the site whole by what it knows, or leaves what it does not.
      mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
      enter(at + 3);
      enter(at);
      _exit(0);
    }
    leave_behind(child);
  }
}

static void forged(void) {
  static const uint32_t kinds[] = {3, 4, 9};
  for (int undone = 0; undone < 2; undone++)
    for (int kind = 0; kind < 3; kind++)
      for (int offset = 0; offset < SITE_BYTES; offset++) {
        pid_t child = fork_to_jump();
        if (child == 0) {
          if (undone) mprotect((void *)((uint64_t)site() & -PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
          *quad_at(RF_RIP) = (uint64_t)site() + offset;
          *quad_at(RF_ORIG_RAX) = SYS_close;
          *word_at(RF_FAULT_SIGNO) = SIGTRAP;
          *word_at(RF_FAULT_CODE) = 2;
          *word_at(RF_FAULT_TRAPNO) = 3;
          reply_to(forge(kinds[kind]), 100);
          _exit(0);
        }
        leave_behind(child);
      }
}

// The program's own file, mapped once more: a site of its own, patched where it is called often.
struct copy {
  char *base;
  long length;
  const unsigned char *site;
};

static struct copy map_copy(int fd, long offset) {
  struct copy copy = {.length = lseek(fd, 0, SEEK_END)};
  copy.base = mmap(NULL, copy.length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  copy.site = copy.base == MAP_FAILED ? NULL : (unsigned char *)copy.base + offset;
  return copy;
}

// Where in the file the site's function is.
static long offset_of_site(int fd) {
  unsigned char kept[SITE_BYTES];
  static const unsigned char linked[SITE_BYTES] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7,
                                                   0x48, 0x89, 0xd6, 0x48, 0x89, 0xca};
  for (long at = (uint64_t)close_site & (PAGE - 1); pread(fd, kept, SITE_BYTES, at) == SITE_BYTES; at += PAGE)
    if (!memcmp(kept, linked, SITE_BYTES)) return at;
  return -1;
}

static const unsigned char *volatile raced;
static volatile int over;
static void *beside(void *unused) {
  while (!over) {
    const unsigned char *at = raced;
    if (at && !enter(at + 9)) bad("a call at the border", 0);
    if (at && !enter(at + 6)) bad("a call", 0);
  }
  return unused;
}

static void race(int fd, long offset) {
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, beside, NULL);
  for (int round = 0; round < 24; round++) {
    struct copy copy = map_copy(fd, offset);
    if (!copy.site) break;
    raced = copy.site;
    for (int i = 0; i < WARM; i++)
      if (!enter(copy.site + 6)) bad("a call", i);
    // Its pool goes: something is mapped where the jump leads; or it is made whole.
    int distance;
    memcpy(&distance, copy.site + 7, 4);
    char *pool = (char *)(((uint64_t)copy.site + 11 + distance) & ~0xffffull);
    if (copy.site[6] == 0xe9 && round % 2)
      mmap(pool, 0x10000, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    char *page = (char *)((uint64_t)copy.site & -PAGE);
    if (round % 2 == 0) mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 0; i < 20; i++)
      if (!enter(copy.site + 9)) bad("a call at the border", i);
    if (round % 4 == 3) mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  }
  over = 1;
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "bytes";
  random_state = mode[0];
  still_works();
  if (!strcmp(mode, "bytes")) to_every_byte();
  if (!strcmp(mode, "write")) behind_the_back();
  if (!strcmp(mode, "forge")) forged();
  int fd = open("/proc/self/exe", O_RDONLY);
  long offset = offset_of_site(fd);
  if (offset < 0) bad("the site's place", 0);
  if (!strcmp(mode, "race")) race(fd, offset);
  // More pools than there may be, at places that few addresses suit.
  for (int i = 0; i < 300 && !strcmp(mode, "many"); i++) {
    struct copy copy = map_copy(fd, offset);
    if (!copy.site) break;
    for (int k = 0; k < WARM / 2; k++)
      if (!enter(copy.site + 6) || (k % 16 == 0 && !enter(copy.site + 9))) bad("a call", i);
    if (i % 4 == 0) munmap(copy.base, copy.length);
  }
  still_works();
  say("done");
  return 0;
}
