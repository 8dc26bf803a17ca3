#@ Packages: nginx-light curl apache2-utils
#@ Needs: nginx curl ab
#@ Does: files, a proxy to itself, keep-alive, gzip, a reload, 2000 requests of ab
mkdir www tmp; seq 1 50000 > www/big; echo small > www/index.html
cat > conf <<END
worker_processes 2; pid $HOME/pid; error_log $HOME/err;
events { worker_connections 256; }
http { access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp; sendfile on; gzip on; gzip_types *; gzip_min_length 100;
 server { listen 127.0.0.1:8081; root www; location /proxy/ { proxy_pass http://127.0.0.1:8081/; } location /hello { return 200 "hello\n"; } } }
END
nginx -p $HOME/ -c conf & until_open 8081; until_so test -s pid
curl -s http://127.0.0.1:8081/big | md5sum; curl -s http://127.0.0.1:8081/proxy/big | md5sum; curl -s --compressed http://127.0.0.1:8081/big | md5sum; curl -s -r 100-199 http://127.0.0.1:8081/big | md5sum; curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8081/none
ab -q -k -n 2000 -c 20 http://127.0.0.1:8081/index.html | grep -E 'Complete|Failed'; ab -q -n 500 -c 10 http://127.0.0.1:8081/big | grep -E 'Complete|Failed|Total transferred'
sed -i 's/hello.n/changed/' conf; kill -HUP $(cat pid); until_so sh -c 'curl -s http://127.0.0.1:8081/hello | grep changed'; kill -QUIT $(cat pid); wait; echo ended
