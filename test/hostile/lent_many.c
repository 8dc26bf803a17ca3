// More open files at once than there are records to lend them by, all of them read again and again by several processes: who
// finds no record is served as well, and what is read is what stands there, also by those that follow when others have gone.
//@ ends: 0
//@ deadline: 60
#include "hostile.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

// 9 600 of 8 192. A process's table is lent up to descriptor 255. The file is more than the kernel keeps in its own memory.
enum { PROCESSES = 40, FILES = 240, CALLS = 5, WORDS = 96 << 10, ROUNDS = 2 };

static char path[64];

static void use(const int *files, long seed) {
  for (int call = 0; call < CALLS; call++)
    for (int i = 0; i < FILES; i++) {
      uint32_t word, at = (seed * 977 + i * 31 + call * 7) % WORDS;
      if (pread(files[i], &word, 4, at * 4l) != 4 || word != at) bad("another word", at);
      if (lseek(files[i], at * 4l, SEEK_SET) != at * 4l) bad("another position", at);
      if (read(files[i], &word, 4) != 4 || word != at) bad("another word at its position", at);
    }
}

// Tells that all are open and read, and waits until that is so of all.
static void child(long number, int told, int goes_on) {
  int files[FILES];
  char byte = 0;
  for (int i = 0; i < FILES; i++)
    if ((files[i] = open(path, O_RDONLY)) < 0) bad("not opened", i);
  use(files, number);
  write(told, &byte, 1);
  read(goes_on, &byte, 1);
  use(files, number + 1);
  // Half of them give their records back by their ends, half by closing.
  for (int i = 0; number & 1 && i < FILES; i++)
    close(files[i]);
  _exit(0);
}

int main(void) {
  static uint32_t words[WORDS];
  for (uint32_t i = 0; i < WORDS; i++)
    words[i] = i;
  snprintf(path, sizeof path, "/tmp/lent-many-%d", getpid());
  int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (write(fd, words, sizeof words) != sizeof words) return 1;
  for (int round = 0; round < ROUNDS; round++) {
    int told[2], goes_on[2];
    char byte;
    pipe(told);
    pipe(goes_on);
    for (long number = 0; number < PROCESSES; number++)
      if (fork() == 0) {
        close(goes_on[1]);
        child(number, told[1], goes_on[0]);
      }
    for (int i = 0; i < PROCESSES; i++)
      read(told[0], &byte, 1);
    close(goes_on[1]);
    for (int status; wait(&status) > 0;)
      if (status != 0) bad("a child ended", status);
    close(told[0]), close(told[1]), close(goes_on[0]);
  }
  unlink(path);
  say("done");
  return 0;
}
