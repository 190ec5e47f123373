/** PNG with a palette, so that pictures of pages weigh a third: a page has few colours, and the many between a letter and its ground look alike. https://www.w3.org/TR/png-3/ */
import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE = 8;
const MOST_COLOURS = 256;
/** Colours are told apart by so many bits a channel before the most frequent are chosen. */
const KEPT_BITS = 5;

interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue of each pixel, row by row. */
  readonly pixels: Uint8Array;
}

function paeth(left: number, up: number, corner: number): number {
  const estimate = left + up - corner;
  const [a, b, c] = [Math.abs(estimate - left), Math.abs(estimate - up), Math.abs(estimate - corner)];
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

/** What browsers write: eight bits a channel, RGB or RGBA (opaque), not interlaced. */
function decode(png: Buffer): Picture {
  let [width, height, channels] = [0, 0, 0];
  const parts: Buffer[] = [];
  for (let at = SIGNATURE; at < png.length; at += 12 + png.readUInt32BE(at)) {
    const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
    const type = png.toString('latin1', at + 4, at + 8);
    if (type === 'IHDR') {
      [width, height, channels] = [data.readUInt32BE(0), data.readUInt32BE(4), data[9] === 6 ? 4 : 3];
    } else if (type === 'IDAT') {
      parts.push(data);
    }
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * channels;
  const pixels = new Uint8Array(width * height * 3);
  let former = new Uint8Array(stride);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)];
    const row = new Uint8Array(raw.subarray(y * (stride + 1) + 1, (y + 1) * (stride + 1)));
    for (let k = 0; k < stride; k++) {
      const left = k < channels ? 0 : row[k - channels];
      const corner = k < channels ? 0 : former[k - channels];
      row[k] += [0, left, former[k], (left + former[k]) >> 1, paeth(left, former[k], corner)][filter];
    }
    for (let x = 0; x < width; x++) {
      pixels.set(row.subarray(x * channels, x * channels + 3), (y * width + x) * 3);
    }
    former = row;
  }
  return { width, height, pixels };
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** The most frequent colours, and for every other the nearest of them. */
function reduce({ pixels }: Picture): { palette: Uint8Array; indexes: Uint8Array } {
  const drop = 8 - KEPT_BITS;
  const keyOf = (at: number) => ((pixels[at] >> drop) << (2 * KEPT_BITS)) | ((pixels[at + 1] >> drop) << KEPT_BITS) | (pixels[at + 2] >> drop);
  /** Of each group: its exact colours by how often they are, the first being the one shown. */
  const groups = new Map<number, Map<number, number>>();
  for (let at = 0; at < pixels.length; at += 3) {
    const exact = (pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2];
    const colours = groups.get(keyOf(at)) ?? new Map<number, number>();
    colours.set(exact, (colours.get(exact) ?? 0) + 1);
    groups.set(keyOf(at), colours);
  }
  const counted = [...groups].map(([key, colours]) => ({ key, exact: [...colours].toSorted((a, b) => b[1] - a[1])[0][0], count: [...colours.values()].reduce((sum, count) => sum + count, 0) })).toSorted((a, b) => b.count - a.count);
  const chosen = counted.slice(0, MOST_COLOURS);
  const palette = Uint8Array.from(chosen.flatMap(({ exact }) => [exact >> 16, (exact >> 8) & 255, exact & 255]));
  const distance = (one: number, other: number) => [16, 8, 0].reduce((sum, shift) => sum + (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2, 0);
  const indexOf = new Map(counted.map(({ key, exact }, place) => [key, place < MOST_COLOURS ? place : chosen.reduce((best, { exact: other }, index) => (distance(exact, other) < distance(exact, chosen[best].exact) ? index : best), 0)]));
  const indexes = new Uint8Array(pixels.length / 3);
  for (let k = 0; k < indexes.length; k++) {
    indexes[k] = indexOf.get(keyOf(3 * k))!;
  }
  return { palette, indexes };
}

/** @param png as a browser writes it @returns the same with 256 colours at most */
export function shrinkPng(png: Buffer): Buffer {
  const picture = decode(png);
  const { width, height } = picture;
  const { palette, indexes } = reduce(picture);
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 3, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (width + 1));
  for (let y = 0; y < height; y++) {
    rows.set(indexes.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  return Buffer.concat([png.subarray(0, SIGNATURE), chunk('IHDR', header), chunk('PLTE', palette), chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })), chunk('IEND', new Uint8Array())]);
}
