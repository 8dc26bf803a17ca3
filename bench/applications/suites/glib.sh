#@ Packages: libglib2.0-tests
#@ Needs: /usr/share/installed-tests/glib
#@ Does: its installed tests, by the outcome of each case
#@ Lines: outcomes
#@ Differs: ^gsubprocess( /gsubprocess/exit-status/trapped)?$ -- it traces a child, which needs ptrace(2)
#@ Differs: /random/seed: -- its name has a random number
#@ Differs: ^assert-msg-test -- it asks gdb, which needs ptrace(2)
#@ Deadline: 900
export G_TEST_TMPDIR=$HOME
for test in /usr/share/installed-tests/glib/*.test; do
  name=${test##*/}
  timeout -k 2 60 sh -c "$(sed -n 's/^Exec=//p' "$test")" > log 2>&1 && code=0 || code=$?
  echo "${name%.test} $([ $code = 0 ] && echo ok || echo FAIL-$code)"
  sed -nE "s/^(not )?ok [0-9]+ ([^ #]+)( # .*)?$/${name%.test} \2 \1ok\3/p" log |
    sed -E 's/ not ok.*$/ FAIL/; s/ ok # (SKIP|TODO).*$/ skipped/'
done
