/** What the answers are held against: a Fastify route that returns the same bytes through a schema made for them. */
import fastify from 'fastify';

const schemaOf = (value) =>
  Array.isArray(value) ? { type: 'array', items: value.length > 0 ? schemaOf(value[0]) : {} }
  : value === null ? {}
  : typeof value === 'object' ? { type: 'object', properties: Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, schemaOf(inner)])) }
  : { type: typeof value };

const app = fastify();
let body = {};
process.on('message', async (message) => {
  if (message.command === 'stop') {
    await app.close();
    process.disconnect();
    return;
  }
  if (message.command === 'usage') {
    const { user, system } = process.cpuUsage();
    process.send({ cpuMs: (user + system) / 1000 });
    return;
  }
  ({ body } = message);
  app.get('/bare', { schema: { response: { 200: schemaOf(body) } } }, async () => body);
  process.send({ base: await app.listen({ port: 0, host: '127.0.0.1' }) });
});
