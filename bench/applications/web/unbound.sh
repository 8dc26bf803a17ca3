#@ Packages: unbound bind9-dnsutils
#@ Needs: unbound dig
#@ Does: answers names of its own by UDP and TCP
printf 'server:\n interface: 127.0.0.1@5353\n username: ""\n chroot: ""\n directory: "%s"\n pidfile: ""\n use-syslog: no\n logfile: log\n num-threads: 2\n local-zone: "trial." static\n' $HOME > conf; for i in $(seq 50); do echo " local-data: \"n$i.trial. A 10.0.0.$i\""; done >> conf
unbound -d -c conf & until_so dig +time=1 +tries=1 -p 5353 @127.0.0.1 n1.trial; for i in $(seq 50); do echo n$i.trial; done > names; dig +short -p 5353 @127.0.0.1 -f names | md5sum; dig +short +tcp -p 5353 @127.0.0.1 -f names | md5sum; dig -p 5353 @127.0.0.1 none.trial | grep -o NXDOMAIN; kill %1; wait %1; echo $?
