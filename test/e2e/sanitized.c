// A program for sanitizers.test.ts: without an argument it does nothing wrong.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int counter;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *count(void *races) {
  for (int i = 0; i < 1000; i++) {
    if (!races) pthread_mutex_lock(&lock);
    counter++;
    if (!races) pthread_mutex_unlock(&lock);
  }
  return NULL;
}

int main(int argc, char **argv) {
  const char *fault = argc > 1 ? argv[1] : "";
  void *races = strcmp(fault, "race") == 0 ? argv : NULL;
  pthread_t threads[3];
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, count, races);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  volatile char *room = malloc(100);
  memset((char *)room, 'x', 100);
  if (strcmp(fault, "overflow") == 0) room[90 + 10 * argc / 2] = 1;
  volatile char *blank = malloc(8);
  if (strcmp(fault, "uninitialised") == 0 && blank[3]) puts("seen");
  printf("counted: %d\n", races || counter == 3000);
  free((char *)blank);
  free((char *)room);
}
