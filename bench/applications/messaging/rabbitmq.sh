#@ Packages: rabbitmq-server python3
#@ Needs: /usr/lib/rabbitmq/bin/rabbitmq-server python3
#@ Does: starts a node, declares queues and users, tells its health
#@ Deadline: 200
export RABBITMQ_BASE=$HOME RABBITMQ_MNESIA_BASE=$HOME/db RABBITMQ_LOG_BASE=$HOME/log RABBITMQ_NODENAME=r@localhost RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=5673 RABBITMQ_ENABLED_PLUGINS_FILE=$HOME/plugins RABBITMQ_PID_FILE=$HOME/pid RABBITMQ_CONF_ENV_FILE=/dev/null
p=$(ls -d /usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin | tail -1); mkdir db log; echo '[].' > plugins; $p/rabbitmq-server > out 2>&1 & 
c() { $p/rabbitmqctl -n r@localhost -q "$@"; }
until_so c await_startup; c add_user u secret; c list_users | sort; c eval 'rabbit_amqqueue:declare({resource, <<"/">>, queue, <<"q">>}, true, false, [], none, <<"u">>), ok.'; c list_queues name durable; c stop; wait; echo ended
