// Makes threads until none can be made, twice, each time when a line comes: the host has no descriptor for their memory
// the first time.
#include "../guest/guest.h"
#include <pthread.h>

static void *waits(void *arg) {
  (void)arg;
  pause();
  return NULL;
}

int main(void) {
  char line[16];
  for (int round = 0; round < 2; round++) {
    say("ready");
    if (read(0, line, sizeof line) <= 0) return 1;
    int made = 0, error = 0;
    pthread_t t;
    while (made < 20 && (error = pthread_create(&t, NULL, waits, NULL)) == 0)
      made++;
    say("%d made, %s", made, error ? "no more" : "all");
  }
  return 0;
}
