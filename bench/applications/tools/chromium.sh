#@ Packages: chromium
#@ Does: a page without a head: script, layout, a picture, a PDF
#@ Deadline: 200
echo '<body style="margin:0;background:#abc"><p id=p></p><script>let s=0;for(let i=0;i<1e6;i++)s+=i%7;document.getElementById("p").textContent=s+" "+document.body.clientWidth</script>' > p.html; c() { chromium --headless --no-sandbox --disable-gpu --user-data-dir=$HOME/u "$@" 2> log; }
c --window-size=400,300 --dump-dom file://$HOME/p.html; c --window-size=400,300 --screenshot=$HOME/s.png file://$HOME/p.html; head -c 24 s.png | xxd -p; c --print-to-pdf=$HOME/a.pdf file://$HOME/p.html; head -c 5 a.pdf; echo
