// A program that looks at its own text, changes it and moves it, after its call sites were executed often.
// What it maps of its file is the file's; what it makes writable is as it was linked; moved code works, and
// so does what stays.
//@ needs: memory files
#include "sites.h"
#include <fcntl.h>
#include <sys/wait.h>

// Whole pages of text that nothing else is in.
__asm__(".text\n.balign 4096\n.globl own\nown:\n");
SITE(first_site, 110);
__asm__(".text\n.balign 4096\n");
SITE(second_site, 110);
__asm__(".text\n.balign 4096\n");
SITE(third_site, 110);
__asm__(".text\n.balign 4096\n.globl own_end\nown_end:\n");
extern const char own[], own_end[], __executable_start[];

static long parent;

static int right(long (*site)(void)) {
  int good = 1;
  for (int i = 0; i < WARM; i++)
    good &= site() == parent;
  return good;
}

int main(void) {
  parent = getppid();
  size_t length = own_end - own;
  unsigned char *kept = malloc(length);
  memcpy(kept, own, length);
  yes_no("calls", right(first_site) && right(second_site) && right(third_site));

  // Where the text is in the file: what the program header says is the same for all of it in a static
  // program.
  int fd = open("/proc/self/exe", O_RDONLY);
  long offset = -1;
  for (long at = 0; offset < 0; at += PAGE) {
    char page[PAGE];
    if (pread(fd, page, PAGE, at) != PAGE) break;
    if (memcmp(page, kept, PAGE) == 0) offset = at;
  }
  yes_no("found in the file", offset >= 0);
  unsigned char *shared = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, offset);
  unsigned char *private = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, offset);
  yes_no("mapped shared", memcmp(shared, kept, length) == 0);
  yes_no("mapped privately", memcmp(private, kept, length) == 0);

  outcome("made writable", mprotect((void *)first_site, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
  yes_no("as it was linked", memcmp((void *)first_site, kept, PAGE) == 0);
  yes_no("calls", right(first_site) && right(second_site));
  // Another number: 39 for getpid.
  ((unsigned char *)first_site)[1] = 39;
  yes_no("its own change works", first_site() == getpid());
  outcome("made executable", mprotect((void *)first_site, PAGE, PROT_READ | PROT_EXEC));
  int good = 1;
  for (int i = 0; i < WARM; i++)
    good &= first_site() == getpid();
  yes_no("and goes on to work", good);
  yes_no("and is what was written", ((unsigned char *)first_site)[1] == 39);

  // Moved away, and another page of the file in its place.
  char *to = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *moved = mremap((void *)second_site, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
  yes_no("moved", moved == to);
  yes_no("moved as it was linked", memcmp(moved, kept + PAGE, PAGE) == 0);
  yes_no("moved code works", right((void *)to));
  void *again =
      mmap((void *)second_site, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, offset + PAGE);
  yes_no("mapped again", again == (void *)second_site);
  yes_no("calls", right(second_site));
  // Dropped pages come back from the file.
  outcome("dropped", madvise((void *)third_site, PAGE, MADV_DONTNEED));
  yes_no("calls", right(third_site));

  // A copy of all this, and what changes in it.
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    parent = getppid();
    int all = right(second_site) && right(third_site) && right((void *)to);
    mprotect((void *)third_site, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    all &= memcmp((void *)third_site, kept + 2 * PAGE, PAGE) == 0 && right(third_site);
    _exit(all ? 7 : 8);
  }
  int status;
  waitpid(child, &status, 0);
  say("child: %d", WEXITSTATUS(status));
  yes_no("calls", right(second_site) && right(third_site));

  // Everything below the program becomes the program's own, whatever was there.
  long low = 0x10000, size = (long)__executable_start - low;
  void *below =
      mmap((void *)low, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  yes_no("mapped below", below == (void *)low);
  int zeros = 1;
  for (long i = 0; i < size; i += 64)
    zeros &= ((char *)low)[i] == 0;
  yes_no("all zeros", zeros);
  memset((void *)low, 0xcc, size);
  yes_no("calls", right(second_site) && right(third_site));
  return 0;
}
