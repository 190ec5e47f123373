/** A filter cut into words, quoted texts, quoted names and signs. One pass, no recursion. */
import { faultAt, quoteShort } from './fault.ts';

export interface Token {
  /** A `name` came in backticks; `end` comes once, behind the text. */
  readonly kind: 'word' | 'text' | 'name' | 'sign' | 'end';
  /** Without its quotes. */
  readonly text: string;
  /** Where it begins and ends in the filter, in UTF-16 units. */
  readonly at: number;
  readonly end: number;
}

/** What a filter's bare words are made of: enough for numbers, times with their zone, ids and paths. */
export const FILTER_WORD = /[\p{L}\p{M}\p{N}_\-./:+%#@$]+/uy;
/** In boosts a colon parts field and value. */
export const BOOST_WORD = /[\p{L}\p{M}\p{N}_\-./+%#@$]+/uy;

const SPACE = /\s+/y;
const SIGN = /!=|<>|<=|>=|==|&&|\|\||[()[\],=<>!:^]/y;
const KINDS: Readonly<Record<string, 'text' | 'name'>> = { '"': 'text', "'": 'text', '`': 'name' };
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
/** What people write who come from other languages, and what is right here. */
const FOREIGN: Readonly<Record<string, string>> = { '==': '=', '<>': '!=', '&&': 'AND', '||': 'OR', '!': 'NOT' };

/** @throws FilterFault */
export function tokenize(text: string, word: RegExp): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  for (;;) {
    at += match(SPACE)?.length ?? 0;
    if (at >= text.length) {
      tokens.push({ kind: 'end', text: '', at: text.length, end: text.length });
      return tokens;
    }
    const quoted = KINDS[text[at]];
    if (quoted !== undefined) {
      const token = readQuoted(text, at, quoted);
      tokens.push(token);
      at = token.end;
      continue;
    }
    const found = match(word);
    if (found !== null) {
      tokens.push({ kind: 'word', text: found, at, end: at + found.length });
      at += found.length;
      continue;
    }
    const sign = match(SIGN);
    if (sign === null || sign in FOREIGN) {
      const shown = sign ?? String.fromCodePoint(text.codePointAt(at)!);
      throw faultAt(text, at, 'syntax', sign === null ? `found ${quoteShort(shown)}, which means nothing here; a text with such characters is put in quotes` : `found ${quoteShort(shown)}; use ${FOREIGN[sign]}`);
    }
    tokens.push({ kind: 'sign', text: sign, at, end: at + sign.length });
    at += sign.length;
  }
}

/** Inside, a backslash or doubling gives the quote itself; \\ a backslash; \n, \r and \t what they are everywhere. */
function readQuoted(text: string, from: number, kind: 'text' | 'name'): Token {
  const quote = text[from];
  let content = '';
  let plain = from + 1;
  for (let at = plain; at < text.length; at++) {
    const unit = text[at];
    if (unit !== '\\' && unit !== quote) {
      continue;
    }
    content += text.slice(plain, at);
    const next = text[at + 1];
    if (unit === quote && next !== quote) {
      return { kind, text: content, at: from, end: at + 1 };
    }
    if (unit === '\\' && next !== '\\' && next !== quote && !(next in ESCAPES)) {
      throw faultAt(text, at, 'syntax', next === undefined ? 'the filter ends after a backslash' : `found the escape ${quoteShort(`\\${next}`)}; known are \\${quote} \\\\ \\n \\r \\t`);
    }
    content += ESCAPES[next] ?? next;
    at++;
    plain = at + 1;
  }
  throw faultAt(text, from, 'syntax', `the quote ${quote} is opened here and never closed`);
}
