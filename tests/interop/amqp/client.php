<?php
// One call: php client.php PORT QUEUE REPLY_TO LISTEN ID BODY; see clients.py.
[, $port, $queue, $replyTo, $listen, $id, $body] = $argv;
$connection = new AMQPConnection(['host' => '127.0.0.1', 'port' => (int) $port, 'login' => 'guest', 'password' => 'guest']);
$connection->connect();
$channel = new AMQPChannel($connection);
$came = new AMQPQueue($channel);
$came->setName($listen);
$came->consume(null, AMQP_AUTOACK);
(new AMQPExchange($channel))->publish($body, $queue, AMQP_NOPARAM, [
    'content_type' => 'application/json', 'correlation_id' => $id, 'delivery_mode' => 2,
] + ($replyTo === '-' ? [] : ['reply_to' => $replyTo]));
$came->consume(function ($reply, $queue) {
    echo $reply->getCorrelationId(), ' ', $reply->getAppId(), ' ', $reply->getBody();
    return false;
}, AMQP_JUST_CONSUME);
