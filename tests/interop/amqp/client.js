// One call: node client.js PORT QUEUE REPLY_TO LISTEN ID BODY; see clients.py.
const amqp = require('amqplib');

async function main([port, queue, replyTo, listen, id, body]) {
  const connection = await amqp.connect(`amqp://127.0.0.1:${port}`);
  const channel = await connection.createChannel();
  let take;
  const came = new Promise((resolve) => { take = resolve; });
  await channel.consume(listen, take, {noAck: true});
  channel.sendToQueue(queue, Buffer.from(body), {
    contentType: 'application/json', correlationId: id, persistent: true, ...(replyTo === '-' ? {} : {replyTo}),
  });
  const reply = await came;
  process.stdout.write(`${reply.properties.correlationId} ${reply.properties.appId} ${reply.content}`);
  await connection.close();
}

main(process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1); });
