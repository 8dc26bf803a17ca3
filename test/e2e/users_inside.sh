# User namespaces by the tools that make them: unshare(1), nsenter(1), newuidmap(1), bubblewrap. Each line says what is seen.
# $1: who makes them, root or user.
say() { echo "-- $*"; }

say identity
unshare -U sh -c 'id -u; id -g; cat /proc/self/uid_map | wc -l'
unshare -Ur sh -c 'id -u; id -g; cat /proc/self/uid_map /proc/self/setgroups; touch "$T/made"; stat -c "%u %g" "$T/made" /'
stat -c '%u %g' "$T/made"

say own mounts and processes
unshare -Urmpf --mount-proc sh -c 'echo $$; ps -o pid,comm | grep -c sh; mount -t tmpfs none /mnt && echo x > /mnt/x && ls /mnt'
ls /mnt | wc -l

say own names and network
unshare -Urun sh -c 'hostname inside; hostname; ip link set lo up; ip addr add 10.9.9.9/32 dev lo; ip -4 -o addr show lo | wc -l; ping -c1 -W1 10.9.9.9 | grep -c "1 received"'
[ "$(hostname)" != inside ] && echo kept

say not beyond
unshare -Ur sh -c 'hostname taken; mknod "$T/null" c 1 3; chown 1 "$T/made"; mount -t tmpfs none /mnt; ip link add d0 type dummy' 2>&1 |
  sed 's/^[^:]*: //; s/.*RTNETLINK answers: //'

say one in the other
unshare -Ur unshare -Ur unshare -Ur sh -c 'id -u; cat /proc/self/uid_map'

say entered
unshare -Uru sh -c 'hostname entered; echo > "$T/ready"; sleep 5' &
until [ -e "$T/ready" ]; do sleep 0.05; done
pid=$(pgrep -f 'hostname entered' | head -1)
nsenter -t "$!" -U -u --preserve-credentials sh -c 'id -u; hostname'
kill $! 2>&1
wait $! 2> /dev/null

say bubblewrap
bwrap --ro-bind / / --unshare-all --proc /proc --dev /dev --tmpfs /tmp --hostname boxed sh -c 'id -u; hostname; ls /tmp | wc -l; echo x > /tmp/x; cat /tmp/x; ls /dev | sort | tr "\n" " "; echo; [ "$(echo /proc/[0-9]* | wc -w)" -lt 8 ] && echo few; touch /made 2>&1 | sed "s/.*: //"'
bwrap --unshare-user --uid 77 --gid 88 --ro-bind / / sh -c 'id -u; id -g'
bwrap --bind / / --unshare-pid --die-with-parent sh -c 'exit 7'; echo $?
bwrap --tmpfs / --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 --dir /empty ls / | tr '\n' ' '
echo
rm -f "$T/made" "$T/ready"
