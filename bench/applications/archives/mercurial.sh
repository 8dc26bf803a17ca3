#@ Packages: mercurial
#@ Needs: hg
#@ Does: commits, a clone over its own HTTP server, a merge, verify
printf '[ui]\nusername = a\n' > .hgrc; hg init r; cd r; cp -r /usr/include/linux .; hg add -q; hg commit -m all -d '0 0'; for i in 1 2 3; do echo $i > n; hg add -q n; hg commit -m $i -d "$i 0"; done; hg update -q 1; echo o > o; hg add -q; hg commit -q -m o -d '9 0'; hg merge -q; hg commit -m merged -d '10 0'; hg log -T '{rev} {node|short}\n'
hg serve -a 127.0.0.1 -p 8088 -d --pid-file ../pid > /dev/null; cd ..; hg clone -q http://127.0.0.1:8088/ c; diff -r -x .hg r c && hg -R c verify -q && echo equal; kill $(cat pid)
