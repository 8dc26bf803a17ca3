#@ Packages: xvfb x11-apps x11-utils
#@ Needs: Xvfb xclock xwd xwininfo
#@ Does: an X server and clients with shared memory pictures
Xvfb :7 -screen 0 320x240x24 -nolisten tcp > log 2>&1 & export DISPLAY=:7; until_so xwininfo -root; xlogo -geometry 200x200 & until_so sh -c 'xwininfo -name xlogo'; sleep 0.5; xwd -root | tail -c 100000 | md5sum; xwininfo -name xlogo | grep -E 'Width|Height'; kill %2; xset q > /dev/null 2>&1 || true; kill %1; wait %1 || echo $?
