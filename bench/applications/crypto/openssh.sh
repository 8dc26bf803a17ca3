#@ Packages: openssh-server openssh-client
#@ Needs: sshd ssh scp sftp
#@ Does: a session with and without a terminal, scp, sftp, a forwarded port, an agent
#@ User: root
mkdir -p /run/sshd k; ssh-keygen -q -t ed25519 -N '' -f k/host; ssh-keygen -q -t ed25519 -N '' -f k/id; cat k/id.pub > k/auth
printf 'Port 2222\nListenAddress 127.0.0.1\nHostKey %s/k/host\nAuthorizedKeysFile %s/k/auth\nStrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n' $HOME $HOME > conf
$(command -v sshd) -D -f $HOME/conf -E log & until_open 2222; o="-i k/id -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ControlPath=none"; s() { ssh $o -p 2222 "$@"; }
s root@127.0.0.1 'echo remote; exit 7' || echo $?; s -tt root@127.0.0.1 'stty size; test -t 0 && echo terminal' | tr -d '\r'; seq 200000 > f; scp -q $o -P 2222 f root@127.0.0.1:$HOME/g; cmp f g && echo copied; echo "get f h" | sftp -q $o -P 2222 root@127.0.0.1:$HOME > /dev/null; cmp f h && echo fetched
s -N -L 127.0.0.1:2223:127.0.0.1:2222 root@127.0.0.1 & until_open 2223; s -p 2223 root@127.0.0.1 echo forwarded; eval $(ssh-agent) > /dev/null; ssh-add -q k/id; ssh-add -l | grep -c ED25519; seq 100000 | s root@127.0.0.1 md5sum; ssh-agent -k > /dev/null
