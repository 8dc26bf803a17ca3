# Namespaces, veth devices and bridges as who uses ip(8) makes them; addresses of links are left out by who compares. /run is
# a tmpfs, and the network namespace a new one.

# A new namespace has what the host has.
sysctl -qw net.ipv4.ip_forward=0
loss() { ping -c 1 -W 1 -q "$@" 2>&1 | grep -o '[0-9]*% packet loss\|unreachable'; }
# A process that is in a namespace, in $there once it is.
enter() {
  ip netns exec "$1" sh -c 'echo > /run/is-there; exec sleep 100' &
  there=$!
  while ! [ -e /run/is-there ]; do sleep 0.05; done
  rm /run/is-there
}

echo == names
ip link set lo up
ip netns add a
ip netns add b
ip netns list | sort
ip netns add a
ip netns exec a ip link
ip netns exec a ip link set lo up
ip netns exec a ip -br addr
ip netns exec a sh -c 'ping -c 1 -q 127.0.0.1 | tail -2 | head -1; ip netns identify'
loss -I lo 127.0.0.1
ip netns exec b ping -c 1 127.0.0.1 2>&1
enter a
ip netns pids a | wc -l
ip netns identify "$there"
kill "$there"
wait "$there" 2>/dev/null
[ "$(stat -L -c %i /run/netns/a)" = "$(ip netns exec a stat -L -c %i /proc/self/ns/net)" ] && echo same
[ "$(stat -L -c %i /run/netns/a)" = "$(stat -L -c %i /proc/self/ns/net)" ] || echo another
nsenter --net=/run/netns/a cat /proc/net/dev | tail -1 | cut -c1-7
unshare -n cat /proc/net/dev | tail -1
ip netns exec a sh -c 'sysctl -w net.ipv4.ip_forward=1; cat /proc/sys/net/ipv4/ip_forward'
cat /proc/sys/net/ipv4/ip_forward

echo == numbers
ip netns set a 7
ip netns list | sort
ip netns list-id
ip netns set a 8
ip netns set b 7
ip netns exec a ip netns list | sort
ip netns set b auto
ip netns list | sort
ip netns del b

echo == veth
ip link add v0 type veth peer name v1
ip link show v0
ip link show v1
ip link add v0 type veth peer name v9
ip link add v9 type veth peer name v1
ip link show v9
ip link set v1 netns a
ip addr add 10.9.0.1/24 dev v0
ip link set v0 up
ip link show v0
ip -n a addr add 10.9.0.2/24 dev v1
ip -n a link set v1 up
ip link show v0
ip -n a link show v1
loss 10.9.0.2
ip netns exec a ping -c 2 -q 10.9.0.1 | tail -2 | head -1
ip -br neigh | cut -d ' ' -f 1
ip route
ip -n a route
ip netns exec a nc -l 10.9.0.2 80 > /run/got &
listens=$!
sleep 0.5
head -c 3000000 /dev/zero | nc -N 10.9.0.2 80
wait "$listens"
wc -c < /run/got
ip -n a link set v1 down
ip link show v0
loss 10.9.0.2
ip -n a link set v1 up mtu 9000
ip -n a link set v1 mtu 67
ip link show v0
ip -n a link set v1 name x1 alias "the other end"
ip -n a link show x1
ip -n a link set x1 netns 1000000
enter a
ip -n a link set lo netns "$there"
ip link add v2 type veth peer name v3 netns "$there"
ip -n a link show v3
ip link set v2 name lo
ip -n a link set v3 name x1
ip -n a link del x1
kill "$there"
wait "$there" 2>/dev/null
ip -br link | awk '{ print $1, $2 }'
ip netns del a
sleep 0.5
ip -br link | awk '{ print $1, $2 }'
ip link add type veth
ip -br link | awk '{ print $1, $2 }'
ip link del veth0
ip -br link | awk '{ print $1, $2 }'

echo == bridge
ip link add br0 type bridge
ip link show br0
i=0
for n in a b c; do
  i=$((i + 1))
  ip netns add $n
  ip link add v$n address 02:00:00:00:01:0$i type veth peer name eth0 address 02:00:00:00:00:0$i netns $n
  ip link set v$n master br0
  ip link set v$n up
  ip -n $n addr add 10.1.0.$i/24 dev eth0
  ip -n $n addr add fd01::$i/64 dev eth0 nodad
  ip -n $n link set eth0 up
  ip -n $n link set lo up
  ip -n $n route add default via 10.1.0.254
done
ip link set br0 up
ip addr add 10.1.0.254/24 dev br0
sleep 0.5
ip -br link | awk '{ print $1, $2 }'
ip link show br0
ip link show va
for n in a b c; do for j in 1 2 3 254; do ip netns exec $n ping -c 1 -W 1 -q 10.1.0.$j | grep -o '[0-9]*% packet loss'; done; done
ip netns exec a ping -c 1 -W 1 -q fd01::3 | grep -o '[0-9]*% packet loss'
loss 10.1.0.3
ip netns exec a nc -l -p 80 > /run/got &
listens=$!
sleep 0.5
ip netns exec b sh -c 'head -c 3000000 /dev/zero | nc -N 10.1.0.1 80'
wait "$listens"
wc -c < /run/got
ip link add x0 type veth peer name eth1 netns c
ip addr add 10.2.0.1/24 dev x0
ip link set x0 up
ip -n c addr add 10.2.0.2/24 dev eth1
ip -n c link set eth1 up
ip netns exec a ping -c 1 -W 1 -q 10.2.0.2 | grep -o '[0-9]*% packet loss'
sysctl -w net.ipv4.ip_forward=1
ip netns exec a ping -c 1 -W 1 -q 10.2.0.2 | grep -o '[0-9]*% packet loss'
ip link set va nomaster
ip netns exec a ping -c 1 -W 1 -q 10.1.0.2 | grep -o '[0-9]*% packet loss'
ip link set br0 master br0
ip link set va master vb
ip link set lo master br0
ip link add br1 type bridge
ip link set br1 master br0
ip link set br1 netns a
ip link del br1
ip link set br0 address 02:00:00:00:00:77
ip link set va master br0
ip -br link show br0 | awk '{ print $1, $2 }'
for n in a b c; do ip -n $n link set eth0 down; done
ip -br link show br0 | awk '{ print $1, $2 }'
ip link del br0
ip link show vb
for n in a b c; do ip netns del $n; done
sleep 0.5
ip -br link | awk '{ print $1, $2 }'
