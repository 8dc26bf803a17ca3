#@ Packages: zsh
#@ Does: globs with qualifiers, arrays, a coprocess, its socket and pty modules
mkdir -p d/e; touch d/a d/b d/e/c; chmod 600 d/a
zsh -f -c '
setopt extendedglob
print -l **/*(.on) d/*(f600) d/^a(N)
typeset -A m; m=(one 1 two 2); print ${(kO)m} ${(s:,:)${:-a,b,c}}
coproc tr a-z A-Z; print -p hello; exec 5<&p; coproc exit; read -u 5 x; print $x
zmodload zsh/net/socket; zsocket -l s; fd=$REPLY; (zsocket s; print -u $REPLY over socket) &
zsocket -a $fd; read -u $REPLY y; print $y; wait
zmodload zsh/zpty; zpty t "stty -echo; read a; print got \$a"; zpty -w t text; zpty -r t z "*got text*"; print ${(M)${(f)z}:#got*}
zmodload zsh/stat; zstat +size d/a; repeat 500 (:); print done'
