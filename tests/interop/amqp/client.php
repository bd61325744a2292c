<?php
// One call: php client.php PORT QUEUE REPLIES ID BODY prints "ID BODY" of the reply.
[, $port, $queue, $replies, $id, $body] = $argv;
$connection = new AMQPConnection(['host' => '127.0.0.1', 'port' => (int) $port, 'login' => 'guest', 'password' => 'guest']);
$connection->connect();
$channel = new AMQPChannel($connection);
(new AMQPExchange($channel))->publish($body, $queue, AMQP_NOPARAM, [
    'content_type' => 'application/json', 'correlation_id' => $id, 'reply_to' => $replies, 'delivery_mode' => 2,
]);
$came = new AMQPQueue($channel);
$came->setName($replies);
$came->consume(function ($reply, $queue) {
    echo $reply->getCorrelationId(), ' ', $reply->getBody();
    return false;
}, AMQP_AUTOACK);
