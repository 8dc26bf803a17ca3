#@ Packages: bubblewrap
#@ Needs: bwrap
#@ Does: a command in namespaces of its own
bwrap --ro-bind / / --unshare-pid --proc /proc --dev /dev --tmpfs /tmp sh -c 'echo inside; ls /tmp | wc -l'
