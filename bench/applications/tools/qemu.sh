#@ Packages: qemu-system-x86
#@ Needs: qemu-system-x86_64
#@ Does: emulates a boot sector that speaks on its serial line and powers off
printf '\xbe\x1a\x7c\xac\x84\xc0\x74\x09\xba\xf8\x03\xee\xeb\xf5\x90\x90\x90\xba\xf4\x00\xb0\x10\xee\xf4\xeb\xfdboot sector\n\0' > b; truncate -s 510 b; printf '\x55\xaa' >> b
timeout 60 qemu-system-x86_64 -accel tcg -display none -monitor none -serial stdio -net none -device isa-debug-exit,iobase=0xf4,iosize=4 -drive file=b,format=raw,if=ide 2> log || echo $?
