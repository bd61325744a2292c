# One call with the C tools: sh client.sh PORT QUEUE REPLY_TO LISTEN ID BODY; see clients.py.
# They send no correlation id and show no properties: the queue of replies is this call's own.
set -eu
url="amqp://guest:guest@127.0.0.1:$1"
reply_to="$3"
if [ "$reply_to" = - ]; then set -- "$1" "$2" "" "$4" "$5" "$6"; else set -- "$1" "$2" "-t$reply_to" "$4" "$5" "$6"; fi
amqp-publish -u "$url" -r "$2" ${3:+"$3"} -C application/json -p -b "$6"
printf -- '- - '
amqp-consume -u "$url" -q "$4" -c 1 cat 2>/dev/null
