#@ Packages: etcd-server etcd-client
#@ Needs: etcd etcdctl
#@ Does: a cluster of three, puts, a watch, a lease, a transaction, the death of a member
cluster=a=http://127.0.0.1:2381,b=http://127.0.0.1:2382,c=http://127.0.0.1:2383
for n in 1:a 2:b 3:c; do etcd --name ${n#*:} --data-dir $HOME/${n%:*} --listen-client-urls http://127.0.0.1:239${n%:*} --advertise-client-urls http://127.0.0.1:239${n%:*} --listen-peer-urls http://127.0.0.1:238${n%:*} --initial-advertise-peer-urls http://127.0.0.1:238${n%:*} --initial-cluster $cluster --log-level error > log$n 2>&1 & echo $! > pid${n%:*}; done
ctl() { local n=$1; shift; etcdctl --endpoints=$(for i in $n; do printf "http://127.0.0.1:239$i,"; done | sed "s/,$//") "$@"; }
until_so ctl "1 2 3" endpoint health
ctl 1 watch --prefix k > watched & sleep 0.3; for i in $(seq 20); do ctl "1 2 3" put k$i v$i; done | sort | uniq -c
ctl "1 2 3" get --prefix k | md5sum; end_by KILL $(cat pid3); until_so ctl "1 2" put after death; ctl 1 get after
sleep 0.3; grep -c PUT watched; ctl 1 snapshot save snap > /dev/null 2>&1; [ -s snap ] && echo snapshot
