// What every guest program of `ringfence bench` is made of: loops that time themselves. A program knows
// nothing of what it runs on; it is called as
//
//   PROGRAM BUDGET_MS DIRECTORY [NAME...]
//
// runs each of its loops (or those that are named) for about that long, and prints a line `name ns` for each:
// the median of the batches, per operation. DIRECTORY has the files that the bench has made (bench/files.ts).
#ifndef RINGFENCE_BENCH_H
#define RINGFENCE_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES 9

struct subject {
  const char *name;
  // Does the operation `count` times.
  void (*loop)(long count);
  // Prepares it and clears up after it, outside the time that is taken; may be NULL.
  void (*begin)(void), (*end)(void);
};

static const char *bench_directory;

// Anything that fails ends the program: a figure of something that did not happen is worse than none.
#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    if (!(condition)) bench_fail(#condition);                                                                \
  } while (0)

static _Noreturn __attribute__((unused)) void bench_fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static double bench_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double bench_batch(const struct subject *subject, long count) {
  double from = bench_now();
  subject->loop(count);
  return bench_now() - from;
}

static int bench_order(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

static void bench_measure(const struct subject *subject, double budget) {
  if (subject->begin) subject->begin();
  // What the finding of the count runs is the warm-up as well.
  long count = 1;
  double took = bench_batch(subject, count);
  while (took < budget / 4) {
    count *= 2;
    took = bench_batch(subject, count);
  }
  count = (long)((double)count * budget / BATCHES / took);
  if (count < 1) count = 1;
  double batches[BATCHES];
  for (int i = 0; i < BATCHES; i++)
    batches[i] = bench_batch(subject, count) / (double)count;
  qsort(batches, BATCHES, sizeof *batches, bench_order);
  if (subject->end) subject->end();
  printf("%s %.2f\n", subject->name, batches[BATCHES / 2]);
  fflush(stdout); // a child that is forked later has nothing to print
}

static __attribute__((unused)) int bench_main(int argc, char **argv, const struct subject *subjects,
                                              size_t count) {
  if (argc < 3) return 2;
  double budget = atof(argv[1]) * 1e6;
  bench_directory = argv[2];
  for (size_t i = 0; i < count; i++) {
    int wanted = argc == 3;
    for (int word = 3; word < argc; word++)
      wanted |= strcmp(argv[word], subjects[i].name) == 0;
    if (wanted) bench_measure(&subjects[i], budget);
  }
  return 0;
}

#define BENCH_MAIN(subjects) bench_main(argc, argv, subjects, sizeof(subjects) / sizeof *(subjects))

#endif
