// Core files: who leaves one, and what is in it. Where Linux is set up to hand them to a program, nothing is
// looked at, and all is as expected.
//@ needs: fork signals threads rlimits files proc
//@ cflags: -pthread
#include "guest.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int elsewhere;
static volatile char data[] = "a marker among the data";
static volatile char *heap;

static void check(const char *what, int condition) {
  yes_no(what, elsewhere || condition);
}

static void *spins(void *unused) {
  for (;;) {
  }
  return unused;
}

static void *sleeps(void *unused) {
  pause();
  return unused;
}

enum how { FAULT, ABORT, KILL, TERMINATE };

__attribute__((noinline)) static void faults(void) {
  *(volatile int *)16 = 1;
  say("not reached");
}

static pid_t crash(rlim_t limit, int dumpable, int threads, enum how how, int *status) {
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit size = {limit, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &size);
    prctl(PR_SET_DUMPABLE, dumpable);
    map_at(NULL, 1l << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);
    pthread_t thread;
    for (int i = 0; i < threads; i++)
      pthread_create(&thread, NULL, i % 2 ? sleeps : spins, NULL);
    if (threads) usleep(20000);
    if (how == FAULT) faults();
    if (how == ABORT) abort();
    raise(how == KILL ? SIGKILL : SIGTERM);
  }
  waitpid(pid, status, 0);
  return pid;
}

static char *core;
static struct stat about;

static int read_core(void) {
  free(core);
  core = calloc(1, PAGE); // nothing is found in it
  int fd = open("core", O_RDONLY);
  if (fd < 0 || fstat(fd, &about)) return 0;
  core = realloc(core, about.st_size + PAGE);
  ssize_t n = read(fd, core, about.st_size);
  close(fd);
  return n == about.st_size && n >= (ssize_t)sizeof(Elf64_Ehdr);
}

static Elf64_Phdr *segments(void) {
  return (Elf64_Phdr *)(core + ((Elf64_Ehdr *)core)->e_phoff);
}

// What the core says stands at an address, or NULL.
static const char *memory(const volatile void *at) {
  for (int i = 0; i < ((Elf64_Ehdr *)core)->e_phnum; i++) {
    Elf64_Phdr *s = &segments()[i];
    uint64_t offset = (uint64_t)at - s->p_vaddr;
    if (s->p_type == PT_LOAD && (uint64_t)at >= s->p_vaddr && offset < s->p_filesz)
      return core + s->p_offset + offset;
  }
  return NULL;
}

// The nth note of a type: its contents, or NULL.
static const void *note(uint32_t type, int nth) {
  Elf64_Phdr *s = segments();
  if (s->p_type != PT_NOTE) return NULL;
  for (uint64_t at = s->p_offset; at + 12 <= s->p_offset + s->p_filesz;) {
    Elf64_Nhdr *header = (Elf64_Nhdr *)(core + at);
    uint64_t contents = at + sizeof *header + ((header->n_namesz + 3) & ~3u);
    if (header->n_type == type && !strcmp(core + at + sizeof *header, "CORE") && nth-- == 0)
      return core + contents;
    at = contents + ((header->n_descsz + 3) & ~3u);
  }
  return NULL;
}

static void whole(void) {
  int status;
  pid_t pid = crash(RLIM_INFINITY, 1, 2, FAULT, &status);
  check("killed by SIGSEGV", WTERMSIG(status) == SIGSEGV);
  check("says that it left a core", WCOREDUMP(status));
  check("it is there", read_core());
  check("for its owner alone", (about.st_mode & 07777) == 0600);
  Elf64_Ehdr *header = (Elf64_Ehdr *)core;
  check("an ELF core",
        !memcmp(core, ELFMAG, 4) && header->e_type == ET_CORE && header->e_machine == EM_X86_64);
  const prstatus_t *thread = note(NT_PRSTATUS, 0);
  check("status of the thread", thread && thread->pr_pid == pid && thread->pr_cursig == SIGSEGV);
  const struct user_regs_struct *registers = thread ? (void *)&thread->pr_reg : NULL;
  check("it stood where it faulted", registers && registers->rip - (uint64_t)faults < 64);
  check("no call", registers && (long)registers->orig_rax == -1);
  check("its segments", registers && registers->cs == 0x33 && registers->ss == 0x2b);
  check("the others'", note(NT_PRSTATUS, 1) && note(NT_PRSTATUS, 2) && !note(NT_PRSTATUS, 3));
  const prpsinfo_t *process = note(NT_PRPSINFO, 0);
  check("the process", process && process->pr_pid == pid && !strncmp(process->pr_fname, "core_files", 10));
  const siginfo_t *info = note(NT_SIGINFO, 0);
  check("the signal", info && info->si_signo == SIGSEGV && info->si_addr == (void *)16);
  const Elf64_auxv_t *vector = note(NT_AUXV, 0);
  int has_entry = 0;
  for (; vector && vector->a_type; vector++)
    has_entry |= vector->a_type == AT_ENTRY && vector->a_un.a_val != 0;
  check("the auxiliary vector", has_entry);
  const uint64_t *files = note(NT_FILE, 0);
  check("files", files && files[0] > 0 && files[1] == PAGE);
  check("floating point", note(NT_FPREGSET, 0) != NULL);
  const char *found = memory(data);
  check("data", found && !strcmp(found, (char *)data));
  found = registers ? memory((void *)registers->rsp) : NULL;
  check("the stack", found != NULL);
  found = memory(heap + 20 * PAGE);
  check("the heap", found && !strcmp(found, "a marker on the heap"));
  check("not what was only reserved", about.st_size < 1l << 30 && about.st_blocks * 512 < 1l << 24);
}

static void others(void) {
  int status;
  int fd = open("core", O_RDWR | O_CREAT, 0644);
  check("one that was there", fd >= 0 && write(fd, "before", 6) == 6);
  crash(RLIM_INFINITY, 1, 0, ABORT, &status);
  check("abort", WTERMSIG(status) == SIGABRT && WCOREDUMP(status));
  check("is replaced", read_core() && !memcmp(core, ELFMAG, 4));
  char bytes[8] = {0};
  check("not written over", pread(fd, bytes, 6, 0) == 6 && !strcmp(bytes, "before"));
  close(fd);
  const prstatus_t *thread = note(NT_PRSTATUS, 0);
  const struct user_regs_struct *registers = thread ? (void *)&thread->pr_reg : NULL;
  check("the call it was in", registers && (registers->orig_rax == SYS_tgkill) && registers->rax == 0);
  unlink("core");
  crash(0, 1, 0, ABORT, &status);
  check("a limit of nothing", WTERMSIG(status) == SIGABRT && !WCOREDUMP(status) && access("core", F_OK));
  crash(2 * PAGE, 1, 0, ABORT, &status);
  check("a small limit", WCOREDUMP(status) && !stat("core", &about) && about.st_size <= 2 * PAGE);
  unlink("core");
  crash(RLIM_INFINITY, 0, 0, ABORT, &status);
  check("not dumpable", !WCOREDUMP(status) && access("core", F_OK));
  crash(RLIM_INFINITY, 1, 0, KILL, &status);
  check("SIGKILL", WTERMSIG(status) == SIGKILL && !WCOREDUMP(status) && access("core", F_OK));
  crash(RLIM_INFINITY, 1, 0, TERMINATE, &status);
  check("SIGTERM", WTERMSIG(status) == SIGTERM && !WCOREDUMP(status) && access("core", F_OK));
  mkdir("away", 0700);
  int pid = fork();
  if (pid == 0) {
    if (chdir("away") || rmdir("../away")) _exit(9);
    crash(RLIM_INFINITY, 1, 0, ABORT, &status);
    _exit(WTERMSIG(status) == SIGABRT && !WCOREDUMP(status));
  }
  waitpid(pid, &status, 0);
  check("nowhere to write it", WEXITSTATUS(status) == 1);
}

int main(void) {
  char pattern[16] = {0}, directory[] = "/tmp/core-files-XXXXXX";
  int fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
  if (fd < 0 || read(fd, pattern, sizeof pattern - 1) < 0) return 1;
  close(fd);
  heap = pages(64);
  elsewhere = strcmp(pattern, "core\n") != 0;
  if (!mkdtemp(directory) || chdir(directory)) return 1;
  whole();
  unlink("core");
  others();
  unlink("core");
  rmdir(directory);
  return 0;
}
