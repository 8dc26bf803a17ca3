#@ Packages: gdb gcc
#@ Needs: gdb gcc
#@ Does: breakpoints, watchpoints, a core file
printf '#include <stdio.h>\nint g;\nint f(int n) { g += n; return g; }\nint main(int c, char **v) { for (int i = 0; i < 5; i++) f(i); printf("%%d\\n", g); if (c > 1) __builtin_trap(); return 0; }\n' > p.c; gcc -g -O0 -o p p.c
gdb -nx -batch -ex 'break f' -ex run -ex 'p n' -ex c -ex 'p g' -ex bt -ex 'delete' -ex 'watch g' -ex c -ex 'delete' -ex c ./p 2>&1 | grep -vE 'warning|thread|Using host|debuginfod|^$' | sed 's/process [0-9]*/process N/; s/v=0x[0-9a-f]*/v=STACK/'
