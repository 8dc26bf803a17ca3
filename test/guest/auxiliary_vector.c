// The auxiliary vector: what a start-up code reads from it.
#include "guest.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char __ehdr_start[];
extern void _start(void);

int main(int argc, char **argv) {
  (void)argc;
  const ElfW(Ehdr) *elf = (const void *)__ehdr_start;
  value("AT_PAGESZ", getauxval(AT_PAGESZ));
  value("AT_CLKTCK", getauxval(AT_CLKTCK));
  value("AT_SECURE", getauxval(AT_SECURE));
  value("AT_FLAGS", getauxval(AT_FLAGS));
  value("AT_PHENT", getauxval(AT_PHENT));
  yes_no("AT_PHNUM is the file's", getauxval(AT_PHNUM) == elf->e_phnum);
  yes_no("AT_PHDR is the file's", getauxval(AT_PHDR) == (unsigned long)__ehdr_start + elf->e_phoff);
  yes_no("AT_ENTRY is the file's", getauxval(AT_ENTRY) == (unsigned long)_start);
  value("AT_BASE", getauxval(AT_BASE));
  yes_no("AT_UID", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
  yes_no("AT_GID", getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
  say("AT_PLATFORM %s", (char *)getauxval(AT_PLATFORM));
  yes_no("AT_EXECFN is the path", strcmp((char *)getauxval(AT_EXECFN), argv[0]) == 0);
  const unsigned char *random = (void *)getauxval(AT_RANDOM);
  int set = 0;
  for (int i = 0; i < 16; i++)
    set += random[i] != 0;
  yes_no("AT_RANDOM is random", set > 4);
  yes_no("AT_HWCAP", getauxval(AT_HWCAP) != 0);
  yes_no("AT_MINSIGSTKSZ", getauxval(AT_MINSIGSTKSZ) >= 1024);
  yes_no("AT_SYSINFO_EHDR", getauxval(AT_SYSINFO_EHDR) != 0);
  return 0;
}
