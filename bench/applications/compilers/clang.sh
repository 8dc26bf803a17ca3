#@ Packages: clang
#@ Does: C with sanitizers, a static analysis, its own assembler
cat > p.c <<'END'
#include <stdio.h>
#include <stdlib.h>
int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); }
int main(int c, char **v) { int *p = malloc(16); p[c] = f(27); printf("%d\n", p[c]); free(p); return c > 1 ? p[0] : 0; }
END
for o in -O0 -O2 -Os; do clang $o -o p p.c && ./p; done
export ASAN_OPTIONS=detect_leaks=0
clang -g -fsanitize=address p.c -o p && ./p && { ./p x > o 2>&1 || grep -o heap-use-after-free o | head -1; }
clang --analyze -Xclang -analyzer-output=text p.c 2>&1 | grep -c warning
clang -S -emit-llvm -O1 -o - p.c | grep -c define
