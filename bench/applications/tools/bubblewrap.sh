#@ Packages: bubblewrap
#@ Needs: bwrap
#@ Fails: needs user namespaces that guests make
#@ Does: a command in namespaces of its own
bwrap --ro-bind / / --unshare-pid --proc /proc --dev /dev --tmpfs /tmp sh -c 'echo inside; ls /tmp | wc -l'
