#@ Packages: meson ninja-build gcc
#@ Does: configures, builds and tests a C project
cat > meson.build <<'END'
project('trial', 'c')
e = executable('trial', 'main.c', dependencies: dependency('threads'))
test('works', e)
test('fails', e, args: ['1'], should_fail: true)
END
echo '#include <stdio.h>
int main(int c, char **v) { puts("built"); return c > 1; }' > main.c
meson setup build > log; grep -c 'Program\|Compiler\|linker' log; meson compile -C build > log; build/trial
meson test -C build > log || true; grep -E '^(Ok|Fail|Expected Fail)' log | sed 's/  */ /g'
