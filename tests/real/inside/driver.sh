# What `real_blender.sh --driver` runs beside Blender: tell the story's steps as they come, then see that no
# engine is left behind by a Blender that quits, nor by one that is killed.
tell() { printf '{"step": "%s", "ok": %s, "seconds": %d, "problem": "%s"}\n' "$1" "$2" "$3" "$4" >>steps.jsonl; }

touch steps.jsonl
tail -n +1 -f steps.jsonl &
following=$!
trap 'sleep 0.5; kill $following' EXIT
until [ -e done ]; do
  sleep 0.3
  pgrep -x blender >/dev/null || { echo "Blender ended during the story"; tail -n 40 blender.log; exit 4; }
done
code=$(cat done)
[ "$code" = 0 ] || { tail -n 40 blender.log; exit "$code"; }
[ -e story.blend ] || exit 0 # only some steps were asked for

for way in quit stay; do
  began=$SECONDS
  name=$([ $way = quit ] && echo quitting_leaves_no_engine || echo killed_blender_leaves_no_engine)
  rm -f engine.pid
  blender story.blend --python-exit-code 3 --python /src/tests/real/inside/quitting.py -- $way >$name.log 2>&1 &
  second=$!
  until [ -e engine.pid ]; do
    sleep 0.2
    kill -0 $second 2>/dev/null && [ $((SECONDS - began)) -lt 300 ] || break
  done
  engine=$(cat engine.pid 2>/dev/null)
  [ $way = quit ] || kill -9 $second
  wait $second 2>/dev/null
  left=$SECONDS
  while [ -e "/proc/$engine" ] && [ $((SECONDS - left)) -lt 20 ]; do sleep 0.2; done
  case $engine in
    *[!0-9]* | '') tell $name false $((SECONDS - began)) "no run: ${engine:-no process}" && tail -n 20 $name.log && exit 1 ;;
  esac
  [ ! -e "/proc/$engine" ] || { tell $name false $((SECONDS - began)) "process $engine is still there"; exit 1; }
  tell $name true $((SECONDS - began)) ""
done
exit 0
