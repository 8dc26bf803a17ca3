#@ Packages: php-fpm nginx-light curl
#@ Needs: nginx curl /usr/sbin/php-fpm8.4
#@ Does: pages of PHP behind nginx by a Unix socket, its opcode cache shared by workers
mkdir www tmp; echo '<?php $x = 0; for ($i = 0; $i < 1000; $i++) $x += $i; echo $_SERVER["REQUEST_URI"], " $x ", strlen(file_get_contents("php://input")), "\n";' > www/x.php
printf '[global]\nerror_log = %s/fpm.log\ndaemonize = no\n[www]\nlisten = %s/fpm.sock\npm = static\npm.max_children = 3\n' $HOME $HOME > fpm.conf
printf "pid $HOME/pid; error_log $HOME/err; events {} http { access_log off; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp; server { listen 127.0.0.1:8087; root $HOME/www; location ~ \\.php { include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME \$document_root\$fastcgi_script_name; fastcgi_pass unix:$HOME/fpm.sock; } } }" > conf
php-fpm8.4 -y fpm.conf -d opcache.enable=1 & until_so test -S fpm.sock; nginx -p $HOME/ -c conf & until_open 8087
for i in $(seq 100); do curl -s "http://127.0.0.1:8087/x.php?$i"; done | md5sum; head -c 3000000 /dev/zero | curl -s --data-binary @- http://127.0.0.1:8087/x.php
