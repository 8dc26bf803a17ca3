#@ Packages: tar gzip bzip2 xz-utils zstd
#@ Needs: tar gzip bzip2 xz zstd
#@ Does: /usr/include with each compressor, holes, links, an incremental archive
cp -r /usr/include/linux /usr/include/x86_64-linux-gnu/asm src 2> /dev/null || { mkdir src; cp -r /usr/include/linux src; }
ln -s linux src/link; ln src/linux/futex.h src/hard; truncate -s 10M src/hole; mkfifo src/fifo
for z in gzip bzip2 xz zstd; do tar --$z -S -cf a.$z src; mkdir out.$z; tar -xf a.$z -C out.$z; diff -r --no-dereference -x fifo src out.$z/src && find out.$z | sort | sed s/$z// | md5sum; stat -c '%h %F' out.$z/src/hard out.$z/src/fifo; done
tar -g snap -cf full.tar src; echo new > src/new; rm src/hard; tar -g snap -cf inc.tar src; tar -tf inc.tar | grep -v '/$'; zstd -q -T2 -19 full.tar; xz -T2 full.tar; zstd -dc full.tar.zst | cmp - <(xz -dc full.tar.xz) && echo equal
