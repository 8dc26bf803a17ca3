#@ Packages: make gcc
#@ Does: two hundred C files with -j4, once more with nothing to do, then what one header changes
for i in $(seq 60); do echo "#include \"h$((i % 5)).h\"
int f$i(void) { return $i + H; }" > f$i.c; done
for i in 0 1 2 3 4; do echo "#define H $i" > h$i.h; done
{ echo '#include <stdio.h>'; for i in $(seq 60); do echo "int f$i(void);"; done; echo 'int main(void) { int s = 0;'; for i in $(seq 60); do echo "s += f$i();"; done; echo 'printf("%d\n", s); }'; } > main.c
cat > Makefile <<'END'
objects := $(patsubst %.c,%.o,$(wildcard *.c))
program: $(objects) ; @gcc -o $@ $^
%.o: %.c ; @gcc -MMD -c -o $@ $< && echo $@ >> built
-include $(objects:.o=.d)
END
make -s -j4 program; ./program; wc -l < built; rm built
make -s -j4 program; ls built 2> /dev/null || echo nothing
sleep 0.01; echo '#define H 100' > h3.h; make -s -j4 program; ./program; sort built | md5sum
