// One call: node client.js PORT QUEUE REPLIES ID BODY prints "ID BODY" of the reply.
const amqp = require('amqplib');

async function main([port, queue, replies, id, body]) {
  const connection = await amqp.connect(`amqp://127.0.0.1:${port}`);
  const channel = await connection.createChannel();
  const came = new Promise((resolve) => channel.consume(replies, resolve, {noAck: true}));
  channel.sendToQueue(queue, Buffer.from(body), {
    contentType: 'application/json', correlationId: id, replyTo: replies, persistent: true,
  });
  const reply = await came;
  process.stdout.write(`${reply.properties.correlationId} ${reply.content}`);
  await connection.close();
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
