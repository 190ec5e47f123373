import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImportFileFault, detectDelimiter, openCsv } from '../../src/ingest/csv.ts';

describe('a CSV file', () => {
  let folder: string;
  let made = 0;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jongleur-csv-'));
  });
  afterAll(async () => await rm(folder, { recursive: true }));

  const write = async (content: string | Buffer) => {
    const path = join(folder, `${++made}.csv`);
    await writeFile(path, content);
    return path;
  };
  const read = async (content: string | Buffer) => {
    const file = await openCsv(await write(content));
    const rows: { fields: readonly string[]; line: number }[] = [];
    for await (const batch of file.batches()) {
      rows.push(...batch.rows.map((fields, k) => ({ fields, line: batch.lines[k] })));
    }
    return { ...file, header: file.header, rows: rows.map((row) => [...row.fields]), lines: rows.map((row) => row.line) };
  };
  const faultOf = async (content: string | Buffer) => {
    const error = await read(content).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ImportFileFault);
    return (error as Error).message;
  };

  it.each([',', ';', '\t', '|'])('is read with %j between its fields', async (delimiter) => {
    const file = await read([['user', 'item', 'note'].join(delimiter), ['u1', 'i1', `"a${delimiter}b"`].join(delimiter)].join('\n'));
    expect(file.delimiter).toBe(delimiter);
    expect(file.header).toEqual(['user', 'item', 'note']);
    expect(file.rows).toEqual([['u1', 'i1', `a${delimiter}b`]]);
  });

  it('has the delimiter that its header has most often outside quotes', () => {
    expect(detectDelimiter('"a;b;c;d","e"')).toBe(',');
    expect(detectDelimiter('a;b,c;d')).toBe(';');
    expect(detectDelimiter('"say ""hi;;;;""",b')).toBe(',');
    expect(detectDelimiter('single')).toBe(',');
  });

  it('may begin with a byte order mark, end its lines with CRLF, and leave the last one open', async () => {
    const file = await read('\uFEFFuser,item\r\nu1,i1\r\nu2,i2');
    expect(file.header).toEqual(['user', 'item']);
    expect(file.rows).toEqual([['u1', 'i1'], ['u2', 'i2']]);
    expect(file.lines).toEqual([2, 3]);
  });

  it('counts lines as an editor does, through quoted line breaks and empty lines', async () => {
    const file = await read('user,item\nu1,"two\nlines"\n\n\nu2,"say ""hi"""\r\nu3,5" nail\n');
    expect(file.rows).toEqual([['u1', 'two\nlines'], ['u2', 'say "hi"'], ['u3', '5" nail']]);
    expect(file.lines).toEqual([3, 6, 7]);
  });

  it('has one bad row where a quote is not closed, and all rows after it', async () => {
    const bad = (text: string) => ['\0not a row', text, 'quote not closed'];
    for (const end of ['', '\n', '\r\n']) {
      const file = await read(`user,item\nu1,i1\nu2,"i2\nu3,i3${end}`);
      expect(file.rows).toEqual([['u1', 'i1'], bad('u2,"i2'), ['u3', 'i3']]);
      expect(file.lines).toEqual([2, 3, 4]);
    }
    // Up to the next field that is quoted: the quote that opens it would close the other.
    const file = await read('user,item,title\nu1,i1,"open\nu2,i2,plain\n\nu3,i3,"a, b"\nu4,i4,"two\nlines"\n');
    expect(file.rows).toEqual([bad('u1,i1,"open'), ['u2', 'i2', 'plain'], ['u3', 'i3', 'a, b'], ['u4', 'i4', 'two\nlines']]);
    expect(file.lines).toEqual([2, 3, 5, 7]);
  });

  it('has one bad row where a quote opens far down and nothing closes it, however long the rest', async () => {
    const file = await read(`user,item\n${'u1,i1\n'.repeat(100_000)}u2,"i2\n${'u3,i3\n'.repeat(100_000)}`);
    expect(file.rows).toHaveLength(200_001);
    expect(file.rows.filter((fields) => fields.length > 2).map((fields) => fields[1])).toEqual(['u2,"i2']);
    expect(file.lines.at(-1)).toBe(200_002);
  });

  it('may mix line ends', async () => {
    expect(await read('user,item\r\nu1,i1\nu2,i2\r\nu3,"a\r\nb"\nu4,i4')).toMatchObject({ rows: [['u1', 'i1'], ['u2', 'i2'], ['u3', 'a\nb'], ['u4', 'i4']], lines: [2, 3, 5, 6] });
  });

  it('may have rows of too few or too many fields: that is the reader’s to judge', async () => {
    expect((await read('user,item,time\nu1\nu2,i2,t,extra\n')).rows).toEqual([['u1'], ['u2', 'i2', 't', 'extra']]);
  });

  it('keeps every character beyond ASCII, over the bounds of what is read at once', async () => {
    const wide = '漢🤹é'.repeat(60_000);
    const file = await read(`user,item\nu1,${wide}\nu2,${wide}x\n`);
    expect(file.rows[0][1] === wide && file.rows[1][1] === `${wide}x`).toBe(true);
  });

  it('may be gzipped, whatever its name', async () => {
    const file = await read(gzipSync('user,item\nu1,i1\n'));
    expect(file.gzipped).toBe(true);
    expect(file.rows).toEqual([['u1', 'i1']]);
    expect(file.bytesRead()).toBe(file.bytes);
  });

  it('with a header alone has no rows', async () => {
    for (const content of ['user,item', 'user,item\n', gzipSync('user,item\n')]) {
      expect((await read(content)).rows).toEqual([]);
    }
  });

  it('that was cut off in its gzip data gives its rows and then says so', async () => {
    const text = `user,item\n${Array.from({ length: 30_000 }, (_, k) => `u${k},${randomBytes(12).toString('hex')}`).join('\n')}\n`;
    const whole = gzipSync(text);
    const file = await openCsv(await write(whole.subarray(0, whole.length / 2)));
    let rows = 0;
    let damaged = 0;
    let error: unknown;
    try {
      for await (const batch of file.batches()) {
        for (const [k, fields] of batch.rows.entries()) {
          rows++;
          damaged += Number(batch.lines[k] !== rows + 1 || fields[0] !== `u${rows - 1}` || fields[1].length !== 24);
        }
      }
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ImportFileFault);
    expect((error as Error).message).toMatch(/middle of its gzip data: the file was cut off/);
    expect(rows).toBeGreaterThan(0);
    expect(damaged).toBe(0);
  });

  it('that is damaged gzip says so', async () => {
    const whole = gzipSync(randomBytes(50_000).toString('hex'));
    whole.fill(0, 20_000, 20_100);
    expect(await faultOf(whole)).toMatch(/damaged gzip data/);
  });

  it.each([
    ['UTF-16 with its mark', 'utf-16le', Buffer.from('\uFEFFuser,item\nü1,i1\n', 'utf16le')],
    ['UTF-8 with its mark', 'utf-8', Buffer.from('\uFEFFuser,item\nü1,i1\n')],
    ['Windows-1252', 'windows-1252', Buffer.from('user,item\nü1,i1\n', 'latin1')],
  ])('in %s is read as what it is', async (_what, encoding, content) => {
    const file = await openCsv(await write(content));
    expect(file.encoding).toBe(encoding);
    expect(file.header).toEqual(['user', 'item']);
    const rows: unknown[] = [];
    for await (const batch of file.batches()) {
      rows.push(...batch.rows);
    }
    expect(rows).toEqual([['ü1', 'i1']]);
  });

  it.each([
    ['empty', '', /is empty; the first line must name the columns/],
    ['gzipped nothing', gzipSync(''), /is empty|first line/],
    ['a blank first line', '\nuser,item\nu1,i1\n', /first line/],
    ['binary', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x00, 0x1a, 0x0a, 0, 0, 0, 1]), /not a text file/],
    ['one endless line', `user,item\nu1,${'x'.repeat(300_000)}`, /not well-formed CSV/],
  ])('that is %s is refused in words', async (_what, content, words) => {
    const message = await faultOf(content);
    expect(message).toMatch(words);
    expect(message).toContain(folder);
  });

  it('that is none says so', async () => {
    await expect(openCsv(join(folder, 'nowhere.csv'))).rejects.toThrow(/There is no file .*nowhere\.csv/);
    await expect(openCsv(folder)).rejects.toThrow(/is a folder; name a CSV file/);
  });
});
