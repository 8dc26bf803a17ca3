// The value of --workers: which kernel threads a sandbox gets.
#ifndef RINGFENCE_WORKERS_H
#define RINGFENCE_WORKERS_H

#include <stdbool.h>

// auto, solo, a number of threads, or a table (net,data=N): what threadPlan of src/shared/thread_plan.ts takes, which
// says what is wrong with others.
bool workers_are_valid(const char *value);

#endif
