#@ Packages: borgbackup restic
#@ Needs: borg restic
#@ Does: two backups with encryption, a check, a restored tree
cp -r /usr/include/linux src; export BORG_PASSPHRASE=p RESTIC_PASSWORD=p BORG_BASE_DIR=$HOME/b XDG_CACHE_HOME=$HOME/cache
borg init -e repokey r 2> /dev/null; borg create r::one src; echo more > src/more; borg create r::two src; borg list --short r; borg check r; mkdir o; (cd o; borg extract ../r::two); diff -r src o/src && echo equal
restic -q init -r s; restic -q backup -r s src; restic -q backup -r s src; restic -q check -r s; restic -q restore latest -r s --target p; diff -r src p/$HOME/src 2> /dev/null || diff -r src p/src && echo restored
