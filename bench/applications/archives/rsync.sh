#@ Packages: rsync
#@ Does: a tree by a daemon and by pipes, changes, deletions, hard links, a check by sums
cp -r /usr/include/linux src; ln src/futex.h src/hard; printf 'port = 8730\naddress = 127.0.0.1\nuse chroot = no\n[m]\npath = %s/src\nread only = no\n' $HOME > conf
rsync --daemon --no-detach --config=conf --log-file=log & until_open 8730; rsync -aH rsync://127.0.0.1:8730/m/ a; diff -r src a && stat -c %h a/hard; echo changed >> a/futex.h; rm a/bpf.h
rsync -ac --delete a/ rsync://127.0.0.1:8730/m/; diff -r src a && echo equal; head -c 20000000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2> /dev/null > src/big; rsync -a src/ a; printf x | dd of=src/big bs=1 seek=10000000 conv=notrunc status=none; rsync -a --checksum --no-whole-file --stats src/ a | grep -E 'Literal|regular files transferred'; cmp src/big a/big && echo delta
