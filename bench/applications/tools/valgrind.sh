#@ Packages: valgrind gcc libc6-dbg
#@ Needs: valgrind gcc
#@ Does: finds a leak and a read after free, profiles with cachegrind, threads with helgrind
printf '#include <stdlib.h>\n#include <pthread.h>\nint x; void *t(void *a) { x++; return a; } int main(void) { pthread_t a, b; char *p = malloc(10); free(p); int r = p[3]; p = malloc(77); pthread_create(&a, 0, t, 0); pthread_create(&b, 0, t, 0); pthread_join(a, 0); pthread_join(b, 0); return r & 0; }\n' > p.c; gcc -w -g -o p p.c -pthread
valgrind --leak-check=full ./p 2>&1 | grep -oE 'Invalid read of size 1|77 bytes in 1 blocks|ERROR SUMMARY: [0-9]+' | sort -u; valgrind --tool=helgrind ./p 2>&1 | grep -oE 'Possible data race' | sort -u; valgrind --tool=cachegrind --cachegrind-out-file=/dev/null ./p 2>&1 | grep -c refs
