#@ Packages: gcc libc6-dev
#@ Needs: gcc
#@ Does: finds a leak
printf '#include <stdlib.h>\nint main(void) { volatile char *p = malloc(7); p = 0; return p != 0; }\n' > p.c
gcc -g -fsanitize=address -o p p.c; ./p 2>&1 | grep -o '7 byte(s) leaked' | head -1
