#@ Packages: subversion
#@ Needs: svnadmin svnserve svn
#@ Does: a repository over svnserve, commits, a branch, a merge, a dump
svnadmin create r; printf '[general]\nanon-access = write\n' > r/conf/svnserve.conf; svnserve -d --foreground --listen-host 127.0.0.1 -r $HOME & until_open 3690; u=svn://127.0.0.1/r
svn mkdir -q -m d $u/trunk $u/branches; svn co -q $u/trunk t; cp -r /usr/include/linux t; svn add -q t/linux; svn ci -q -m all t; svn cp -q -m b $u/trunk $u/branches/b; svn co -q $u/branches/b b; echo changed >> b/linux/futex.h; svn ci -q -m c b; svn up -q t; (cd t; svn merge -q $u/branches/b; svn ci -q -m m); svn log -q $u | grep -c ^r; tail -1 t/linux/futex.h; svnadmin verify -q r; svnadmin dump -q r | grep -c Node-path
