/** Counts every request that the framework answers; the lanes count theirs (`fast-lane.ts`, `plain-connections.ts`) into the same tallies. */
import type { FastifyInstance } from 'fastify';
import { type RouteTally, type Traffic, noteAnswer } from '../insight/traffic.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Where requests of the route are counted. */
    tally?: RouteTally;
  }
}

/** Before any route is there. */
export function installCounting(app: FastifyInstance, traffic: Traffic): void {
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, tally: traffic.tallyOf([route.method].flat().join(), route.url) };
  });
  app.addHook('onResponse', (request, reply, done) => {
    noteAnswer(request.routeOptions.config.tally ?? traffic.elsewhere, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
}
