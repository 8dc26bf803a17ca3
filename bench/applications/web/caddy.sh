#@ Packages: caddy curl
#@ Needs: caddy curl
#@ Does: files over TLS with a certificate of its own authority, a proxy, a reload
mkdir www; seq 1 20000 > www/big; export XDG_DATA_HOME=$HOME/data XDG_CONFIG_HOME=$HOME/config
printf '{\n admin localhost:2019\n skip_install_trust\n http_port 8084\n https_port 8445\n}\nlocalhost:8445 {\n tls internal\n root * %s/www\n file_server\n handle_path /p/* {\n reverse_proxy localhost:8086\n }\n}\nhttp://localhost:8086 {\n respond "back {path}"\n}\n' $HOME > Caddyfile
caddy run --config Caddyfile > log 2>&1 & until_open 8445; until_so curl -sk https://localhost:8445/p/x; curl -sk https://localhost:8445/big | md5sum; curl -sk https://localhost:8445/p/x; echo; sed -i 's/back/changed/' Caddyfile; caddy reload --config Caddyfile > /dev/null 2>&1; curl -sk https://localhost:8445/p/y; echo
for i in $(seq 50); do echo "url = https://localhost:8445/big"; echo 'output = /dev/null'; done > list; curl -sk -Z -K list && echo parallel; caddy stop > /dev/null 2>&1; wait; echo ended
