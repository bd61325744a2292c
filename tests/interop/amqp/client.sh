# One call with the C tools: sh client.sh PORT QUEUE REPLIES ID BODY prints "ID BODY" of the reply.
# They send no correlation id and show none: the queue of replies is this call's own.
set -eu
url="amqp://guest:guest@127.0.0.1:$1"
amqp-publish -u "$url" -r "$2" -t "$3" -C application/json -p -b "$5"
printf '%s ' "$4"
amqp-consume -u "$url" -q "$3" -c 1 cat 2>/dev/null
