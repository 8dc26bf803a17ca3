#@ Packages: coreutils
#@ Needs: sort
#@ Does: sort in parallel, split, shuf, cp of holes, tail -f, stdbuf, timeout, dd, df, install
seq 1 300000 | shuf --random-source=<(yes) > a
sort -n --parallel=2 -S 1M a | sha256sum; sort -R --random-source=/bin/ls a | wc -l
split -n l/7 a part.; cat part.* | cmp - a && echo whole; csplit -s a 1000 2000; wc -l xx*
truncate -s 100M hole; echo end >> hole; cp --sparse=always hole copy; cmp hole copy && stat -c '%s' copy; [ $(stat -c %b copy) -lt 1000 ] && echo sparse
dd if=hole of=piece bs=64k skip=3 count=5 conv=sparse status=none; stat -c %s piece
(sleep 0.2; echo appended >> log; sleep 0.2; echo more >> log) & touch log; timeout 5 tail -f -n +1 log | head -2; wait
timeout -s INT 0.2 sleep 10 || echo $?; { timeout -k 0.1 0.2 sh -c 'trap "" TERM; sleep 5'; } 2> /dev/null || echo $?
install -D -m 750 a deep/er/a; stat -c '%A %h' deep/er/a; ln a hard; ln -s a soft; stat -c %h a; readlink -f soft | sed "s#$HOME##"
cp -a deep deep2; mv deep2 deep3; rm -r deep; ls -lR --time-style=+ deep3 | sed 's/ user / /'
touch -d '2001-02-03 04:05:06.789' t; stat -c '%y' t; date -r t +%s.%N; df --output=fstype . > /dev/null; nproc > /dev/null
tee x y < a | md5sum; cmp x y; comm -12 <(sort x) <(sort y) | wc -l; join <(sort x) <(sort y) | wc -l; tac a | tac | cmp - a; nohup true; nice -n 5 nice; env -i /usr/bin/env A=1; id -u; tty || true; stty size < /dev/null || true; mktemp -u XXXX | wc -c; mkfifo p; [ -p p ] && echo pipe; sync a; numfmt --to=iec 123456789; factor 123456789012345; b2sum < a; base64 a | base64 -d | cmp - a
