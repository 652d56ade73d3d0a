#!/bin/sh
# A virtual board, 20 real images on it, every bit compared, and a head on what comes back.
#   board.sh BITLIGHT FOLDER
set -e
bitlight=$1
folder=$2
mkdir -p "$folder"
rm -f "$folder"/*.npz "$folder/port"

"$bitlight" board virtual ulx3s fashion28 > "$folder/port" &
virtual=$!
trap 'kill $virtual' EXIT
"$bitlight" features fashion28 animals:train "$folder/train.npz"
"$bitlight" head train "$folder/train.npz" "$folder/head.safetensors"
until grep -q ^/dev/ "$folder/port"; do
  kill -0 $virtual || exit 1
  sleep 1
done
port=$(grep ^/dev/ "$folder/port")

"$bitlight" board test fashion28 animals:test -n 20 --port "$port" --json "$folder/test.json"
"$bitlight" features fashion28 animals:test "$folder/test.npz" -n 20 --engine board --port "$port"
"$bitlight" head score "$folder/head.safetensors" "$folder/test.npz"
