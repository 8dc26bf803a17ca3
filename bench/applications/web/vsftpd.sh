#@ Packages: vsftpd curl
#@ Needs: vsftpd curl
#@ Does: transfers both ways, passive and active
#@ User: root
mkdir -p ftp/up empty; chown 1000 ftp/up; chmod a-w ftp; chmod 755 $HOME; seq 1 50000 > f; cp f ftp/f
printf 'listen=YES\nlisten_address=127.0.0.1\nlisten_port=2121\nbackground=NO\nanonymous_enable=YES\nanon_root=%s/ftp\nwrite_enable=YES\nanon_upload_enable=YES\nsecure_chroot_dir=%s/empty\nno_anon_password=YES\nftp_username=daemon\nanon_umask=022\n' $HOME $HOME > conf; chmod 777 ftp/up
vsftpd $HOME/conf & until_open 2121; curl -s ftp://127.0.0.1:2121/f | md5sum; curl -s --ftp-port - ftp://127.0.0.1:2121/f | md5sum; curl -s -T f ftp://127.0.0.1:2121/up/ && md5sum < ftp/up/f; curl -s -l ftp://127.0.0.1:2121/
