import pino, { type Logger } from 'pino';
import type { Config } from './config.ts';

/** Logs never carry a key: headers are not logged (a test reads a log for them). Pino's `redact` would cost every request its share and guard nothing more. */
export function createLogger(config: Pick<Config, 'logLevel' | 'logPretty'>): Logger {
  return pino({
    level: config.logLevel,
    ...(config.logPretty ? { transport: { target: 'pino-pretty', options: { translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname,reqId,req,res,responseTime', singleLine: true, messageFormat: '{msg} {if req.method}{req.method} {req.url}{end}' } } } : {}),
  });
}

export type { Logger } from 'pino';
