// Pipes between processes: order, blocking, whole small writes, end of file.
//@ needs: pipes fork signals
#include "guest.h"
#include <sys/wait.h>

int main(void) {
  int fds[2], status;
  if (pipe(fds)) return 1;
  int pid = fork();
  if (pid == 0) {
    close(fds[0]);
    static char data[200000];
    for (size_t i = 0; i < sizeof data; i++)
      data[i] = i * 31 + i / 256;
    size_t done = 0;
    while (done < sizeof data) {
      ssize_t n = write(fds[1], data + done, sizeof data - done);
      if (n <= 0) _exit(97);
      done += n;
    }
    _exit(0);
  }
  close(fds[1]);
  static char got[300000];
  size_t total = 0;
  ssize_t n;
  while ((n = read(fds[0], got + total, 7777)) > 0)
    total += n;
  size_t wrong = 0;
  for (size_t i = 0; i < total; i++)
    wrong += got[i] != (char)(i * 31 + i / 256);
  say("bytes %zu, wrong %zu, end %zd", total, wrong, n);
  waitpid(pid, &status, 0);
  value("writer's status", status);
  close(fds[0]);
  // Four writers of 100-byte records: records stay whole.
  if (pipe(fds)) return 1;
  for (int w = 0; w < 4; w++)
    if (fork() == 0) {
      char record[100];
      memset(record, 'a' + w, sizeof record);
      for (int i = 0; i < 300; i++)
        if (write(fds[1], record, sizeof record) != sizeof record) _exit(97);
      _exit(0);
    }
  close(fds[1]);
  int counts[4] = {0}, torn = 0;
  char record[100];
  for (;;) {
    size_t have = 0;
    while (have < sizeof record && (n = read(fds[0], record + have, sizeof record - have)) > 0)
      have += n;
    if (have < sizeof record) break;
    for (size_t i = 1; i < sizeof record; i++)
      torn += record[i] != record[0];
    counts[record[0] - 'a']++;
  }
  say("records %d %d %d %d, torn bytes %d", counts[0], counts[1], counts[2], counts[3], torn);
  while (wait(&status) > 0)
    continue;
  // A writer that nobody reads from any more.
  if (pipe(fds)) return 1;
  pid = fork();
  if (pid == 0) {
    close(fds[0]);
    static char block[1 << 20];
    if (write(fds[1], block, sizeof block)) _exit(1);
    _exit(2);
  }
  close(fds[1]);
  value("read some", read(fds[0], got, 1000));
  close(fds[0]);
  waitpid(pid, &status, 0);
  say("the writer ended by signal %d", WTERMSIG(status));
  return 0;
}
