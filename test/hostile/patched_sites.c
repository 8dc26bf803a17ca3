// F9-F11, F17: a guest finds the trampoline of its own call site and jumps to every byte of it and of the
// stub's entry, with registers and a gs base of its choice; writes to pools, moves and unmaps them, and goes
// on to call; forges what its slot says of a call from there.
//@ args: trampoline
//@ args: entry
//@ args: entry-gs
//@ args: write
//@ args: unmap
//@ args: move
//@ args: forge
//@ args: inside
//@ args: stack
//@ args: many
//@ ends: 0 132 133 135 139
//@ deadline: 30
#include "../guest/sites.h"
#include "jumps.h"
#include <fcntl.h>
#include <sys/wait.h>

#define ENTRY_SIZE 0x1e0

SITE(getppid_site, 110);

// Sites at all distances from a trampoline, modulo a pool: nops; mov $110, %eax; syscall; ret
#define ROW 64
#define BEHIND_START 0x2c
extern const unsigned char row[];
__asm__(".text\n.balign 64\n.globl row\nrow:\n.rept 1024\n.balign 64\n.cfi_startproc\n.skip 0x2c, 0x90\n"
        "mov $110, %eax\nsyscall\nret\n.cfi_endproc\n.endr\n");

static long parent;

// The trampoline's address, by the jump that stands at the site; 0 where nothing is patched.
static unsigned char *trampoline(void) {
  for (int i = 0; i < WARM; i++)
    getppid_site();
  const unsigned char *at = (const unsigned char *)getppid_site;
  if (at[0] != 0xe9) return NULL;
  int distance;
  memcpy(&distance, at + 1, 4);
  return (unsigned char *)at + 5 + distance;
}

static void jump(const void *target, int round, int lose_gs) {
  pid_t child = fork_to_jump();
  if (child == 0) {
    uint64_t r[JUMP_REGISTERS];
    for (int i = 0; i < JUMP_REGISTERS; i++)
      r[i] = next_random() % 2 ? SLOT + next_random() % 0x20000 : nasty();
    if (round == 0) r[IN_RCX] = (uint64_t)getppid_site_call + 2;
    if (lose_gs) __asm__ volatile("wrgsbase %0" ::"r"(nasty()));
    jump_to((uint64_t)target, r, nasty());
  }
  leave_behind(child);
}

static void still_works(void) {
  for (int i = 0; i < WARM; i++)
    if (getppid_site() != parent) bad("a call", i);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "trampoline";
  parent = getppid();
  unsigned char *at = trampoline();
  unsigned char *pool = (unsigned char *)((uint64_t)at & ~0xffffull);
  random_state = mode[0];
  if (!strcmp(mode, "trampoline") && at)
    for (int i = 0; i < 32; i++)
      jump(at + i, i % 2, 0);
  if (!strncmp(mode, "entry", 5))
    for (int i = 0; i < ENTRY_SIZE; i += 5)
      jump((void *)(RF_TRAMPOLINE_ENTRY + i), i % 2, mode[5] == '-');
  if (!strcmp(mode, "stack")) {
    // The entry with a stack pointer that is no stack, and one in the slot.
    static const uint64_t stacks[] = {0,          1, 0xffffffffffffffff, 1ull << 63, SLOT + RF_STUB_STACK,
                                      SLOT + 0x10};
    for (size_t i = 0; i < sizeof stacks / sizeof *stacks; i++) {
      pid_t child = fork();
      if (child == 0)
        __asm__ volatile(
            "mov %0, %%rsp\n mov $39, %%eax\n lea 1f(%%rip), %%rcx\n jmp *%1\n1: ud2" ::"r"(stacks[i]),
            "r"(RF_TRAMPOLINE_ENTRY)
            : "rax", "rcx", "memory");
      int status;
      waitpid(child, &status, 0);
    }
  }
  if (!strcmp(mode, "many")) {
    // More sites than an address space may have, most of them made whole and patched again.
    int fd = open("/proc/self/exe", O_RDONLY);
    unsigned char kept[16];
    // The site's place in the file: by its bytes as they were linked.
    long offset = -1, in_page = (uint64_t)getppid_site & (PAGE - 1);
    for (long from = 0; offset < 0; from += PAGE) {
      if (pread(fd, kept, 16, from + in_page) != 16) break;
      if (kept[0] == 0xb8 && kept[1] == 110 && kept[5] == 0x0f && kept[6] == 0x05 && kept[7] == 0xc3)
        offset = from;
    }
    // The whole file, so that its unwind entries are found.
    long length = lseek(fd, 0, SEEK_END);
    for (int i = 0; i < 1400 && offset >= 0; i++) {
      char *copy = mmap(NULL, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
      if (copy == MAP_FAILED) break;
      char *page = copy + offset;
      long (*site)(void) = (long (*)(void))(page + in_page);
      for (int k = 0; k < 70; k++)
        if (site() != parent) bad("a call", i);
      if (i % 3 == 0) mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
      if (i % 3 == 1) madvise(page, PAGE, MADV_DONTNEED);
      for (int k = 0; k < 70; k++)
        if (site() != parent) bad("a call", i);
      if (i % 4 == 0) munmap(copy, length);
    }
    still_works();
  }
  if (!at) {
    say("nothing is patched");
    return 0;
  }
  if (!strcmp(mode, "write")) {
    // By the stub's own call: the page is its process's. What is written there harms that process alone.
    if (HOST_3(SYS_mprotect, pool, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) bad("mprotect", 0);
    for (int i = 0; i < 8; i++)
      at[i] = 0x90;
    still_works();
    memset(at, 0x0b, 32);
    pid_t child = fork();
    if (child == 0) _exit(getppid_site() == 0);
    int status;
    waitpid(child, &status, 0);
    // The kernel changes the site by what it knows.
    mprotect((void *)((uint64_t)getppid_site & -PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    still_works();
  }
  if (!strcmp(mode, "unmap")) {
    HOST_2(SYS_munmap, pool, 0x10000);
    mprotect((void *)((uint64_t)getppid_site & -PAGE), PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    still_works();
    getppid_site();
  }
  if (!strcmp(mode, "move")) {
    // The text goes behind the kernel's back, and something else comes in its place.
    char *page = (char *)((uint64_t)getppid_site & -PAGE), *other = pages(1);
    pid_t child = fork();
    if (child == 0) {
      HOST_5(SYS_mremap, page, PAGE, PAGE, 3, other);
      HOST_6(SYS_mmap, page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      HOST_3(SYS_mprotect, page, PAGE, PROT_READ | PROT_WRITE);
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    still_works();
  }
  if (!strcmp(mode, "forge")) {
    // Faults, single steps, kicks and calls that say they came from a trampoline.
    static const uint32_t kinds[] = {2, 3, 4, 9};
    for (int i = 0; i < 4; i++)
      for (int offset = -5; offset < 70; offset += 5) {
        pid_t child = fork();
        if (child == 0) {
          *quad_at(RF_RIP) = (uint64_t)at + offset;
          *quad_at(RF_ORIG_RAX) = SYS_getppid;
          *word_at(RF_FAULT_SIGNO) = SIGTRAP;
          *word_at(RF_FAULT_CODE) = 2;
          *word_at(RF_FAULT_TRAPNO) = offset % 2 ? 1 : 3;
          reply_to(forge(kinds[i]), 100);
          _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
      }
    still_works();
  }
  if (!strcmp(mode, "inside")) {
    // The distance of the next jump is one that begins with the bytes of a syscall instruction, which traps.
    uint64_t next = (uint64_t)at + ROW - 0x050f - 5;
    const unsigned char *site = row + ((next - (uint64_t)row) & 0xffff);
    if (((uint64_t)site - (uint64_t)row) % ROW != BEHIND_START) bad("the place", (uint64_t)site);
    for (int i = 0; i < WARM; i++)
      if (((long (*)(void))site)() != parent) bad("a call", i);
    if (site[0] != 0xe9 || site[1] != 0x0f || site[2] != 0x05) say("another jump");
    pid_t child = fork();
    if (child == 0) {
      __asm__ volatile("call *%0" ::"r"(site + 1), "a"(110) : "rcx", "r11", "memory");
      _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) bad("killed", 0);
    still_works();
  }
  say("done");
  return 0;
}
