#@ Packages: tmux screen expect
#@ Needs: tmux screen expect
#@ User: www-data
#@ Does: sessions that are detached, what is typed into them and what they show; expect with a terminal
export TERM=xterm TMUX_TMPDIR=$HOME SCREENDIR=$HOME/s SHELL=/bin/sh; tmux -f /dev/null new-session -d -s t -x 80 -y 24 'exec sh'; tmux split-window -t t 'sleep 50'; tmux send-keys -t t.0 'echo in-$((40 + 2)) > o; stty size > q' Enter; until_so grep . q; cat o q; tmux list-panes -t t | wc -l; tmux kill-server
mkdir -m 700 s; screen -dmS x sh -c 'echo from screen > p; sleep 50'; until_so grep . p; cat p; screen -ls | grep -c Detached; screen -S x -X quit; expect -c 'log_user 0; spawn sh -c "read x; echo got \$x; stty -a | head -1"; send "typed\r"; expect "got typed"; puts matched; expect eof; puts [lindex [wait] 3]'
