#@ Packages: gcc libc6-dev
#@ Does: a program with threads at -O0 to -O3, with LTO, sanitizers and coverage, and what it prints
cat > p.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *work(void *n) { long s = 0; for (long i = 0; i < 2000000; i++) s += i ^ (long)n; return (void *)s; }
int main(int c, char **v) { pthread_t t[4]; long s = 0; for (long i = 0; i < 4; i++) pthread_create(t + i, 0, work, (void *)i);
  for (int i = 0; i < 4; i++) { void *r; pthread_join(t[i], &r); s += (long)r; }
  char *m = malloc(8); strcpy(m, "heap"); printf("%ld %s\n", s, m); if (c > 1) { m[atoi(v[1])] = 1; } free(m); return 0; }
END
for flags in -O0 -O1 -O2 -O3 "-O2 -flto" -static -m64; do gcc $flags -o p p.c -pthread && ./p; done
export ASAN_OPTIONS=detect_leaks=0
gcc -g -fsanitize=address -o p p.c -pthread && ./p && { ./p 8 > o 2>&1 || grep -o 'heap-buffer-overflow' o | head -1; }
gcc -g -fsanitize=undefined -o p p.c -pthread && ./p
gcc -g -fsanitize=thread -o p p.c -pthread && ./p
gcc --coverage -o p p.c -pthread && ./p && [ -s p-p.gcda ] && echo coverage
gcc -S -O2 -o - p.c | grep -c call
