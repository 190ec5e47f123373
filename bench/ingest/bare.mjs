/** The least that can be done with an event: Fastify checks the same body by its schema and answers as much as the service does. */
import fastify from 'fastify';

const id = { type: 'string', minLength: 1, maxLength: 256 };
const event = {
  type: 'object', required: ['userId', 'itemId', 'type'], additionalProperties: false,
  properties: { userId: id, itemId: id, type: { type: 'string', enum: ['view', 'cart', 'purchase', 'rating'] }, value: { type: ['number', 'null'] }, quantity: { type: 'number' }, price: { type: 'number' }, groupId: id, occurredAt: { type: 'string', format: 'date-time' }, eventId: id },
};
const answer = {
  type: 'object',
  properties: {
    accepted: { type: 'integer' }, duplicates: { type: 'integer' },
    rejected: { type: 'array', items: { type: 'object', properties: { index: { type: 'integer' }, field: { type: 'string' }, code: { type: 'string' }, message: { type: 'string' } } } },
    items: { type: 'array', items: { type: 'object', properties: { index: { type: 'integer' }, eventId: { type: 'string' }, status: { type: 'string' } } } },
  },
};
const app = fastify();
app.post('/v1/events', { schema: { body: event, response: { 200: answer } } }, async (request) => ({ accepted: 1, duplicates: 0, rejected: [], items: [{ index: 0, eventId: request.body.eventId, status: 'accepted' }] }));
console.log(`listening on ${await app.listen({ host: '127.0.0.1', port: 0 })}`);
process.on('SIGTERM', () => process.exit(0));
