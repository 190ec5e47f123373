/**
 * The item map's picture: all points as a layer that is kept while somebody points at them, and marks over it. Some thousand points are round. More are squares written into pixels, which takes a tenth of the time: a
 * hundred thousand are drawn between two frames of the screen.
 */
import { colourOf } from '../../parts/canvas.js';

const MARGIN = 14;
const NEAR_PX = 14;
const MOST_ROUND = 12_000;
const OTHERS = '--line-strong';
/** Opacity of points without a colour of their own, and of those with one. */
const [FAINT, CLEAR] = [0.55, 0.8];

function boundsOf(points) {
  let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const { x, y } of points) {
    [left, right, low, high] = [Math.min(left, x), Math.max(right, x), Math.min(low, y), Math.max(high, y)];
  }
  return { left, low, width: right - left || 1, height: high - low || 1 };
}

/** `#rrggbb` as a pixel of an ImageData, seen as 32 bits. */
function pixelOf(colour, opacity) {
  const value = Number.parseInt(colour.slice(1), 16);
  return ((Math.round(255 * opacity) << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/**
 * @param {{ x: number, y: number, category: string | null }[]} points
 * @param {Map<string, string>} colours by category, a custom property; all others are grey, and below
 */
export function createPicture(points, colours) {
  const bounds = boundsOf(points);
  const groups = [null, ...colours.keys()];
  const variables = [OTHERS, ...colours.values()];
  /** By group, so that a colour is set once; what follows is in this order too. */
  const rankOf = ({ category }) => Math.max(0, groups.indexOf(category));
  const sorted = groups.flatMap((_, group) => points.filter((point) => rankOf(point) === group));
  const groupOf = Uint8Array.from(sorted, rankOf);
  /** From 0 to 1, to the right and upwards. */
  const across = Float32Array.from(sorted, ({ x }) => (x - bounds.left) / bounds.width);
  const up = Float32Array.from(sorted, ({ y }) => (y - bounds.low) / bounds.height);
  const layer = document.createElement('canvas');
  let drawnAs = '';

  /** A place is `at + by · across`, in CSS pixels, and likewise upwards. */
  const scalesOf = (width, height, { zoom, x, y }) => ({ left: MARGIN + x * width, byX: (width - 2 * MARGIN) * zoom, top: height - MARGIN + y * height, byY: -(height - 2 * MARGIN) * zoom });
  const sizeOf = (zoom) => {
    const [least, usual] = points.length > MOST_ROUND ? [1, 1] : [1.6, points.length > 3000 ? 1.8 : 2.6];
    return Math.max(least, Math.min(6, usual * Math.sqrt(zoom)));
  };

  function drawRound(context, { left, byX, top, byY }, size, width, height) {
    for (let from = 0; from < across.length;) {
      const group = groupOf[from];
      context.fillStyle = colourOf(variables[group]);
      context.globalAlpha = group === 0 ? FAINT : CLEAR;
      context.beginPath();
      for (; from < across.length && groupOf[from] === group; from++) {
        const x = left + byX * across[from];
        const y = top + byY * up[from];
        if (x > -size && x < width + size && y > -size && y < height + size) {
          context.moveTo(x + size, y);
          context.arc(x, y, size, 0, 2 * Math.PI);
        }
      }
      context.fill();
    }
  }

  /** All in the canvas' own pixels. */
  function drawSquares(context, { left, byX, top, byY }, size, width, height) {
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const colourPixels = variables.map((name, group) => pixelOf(colourOf(name), group === 0 ? FAINT : CLEAR));
    const side = Math.max(1, Math.round(2 * size));
    const before = side >> 1;
    for (let k = 0; k < across.length; k++) {
      const x = Math.round(left + byX * across[k]) - before;
      const y = Math.round(top + byY * up[k]) - before;
      if (x < 0 || y < 0 || x + side > width || y + side > height) {
        continue;
      }
      const pixel = colourPixels[groupOf[k]];
      const end = (y + side) * width + x;
      for (let row = y * width + x; row < end; row += width) {
        for (let at = row; at < row + side; at++) {
          pixels[at] = pixel;
        }
      }
    }
    context.putImageData(image, 0, 0);
  }

  function countVisible({ left, byX, top, byY }, width, height) {
    let visible = 0;
    for (let k = 0; k < across.length; k++) {
      const x = left + byX * across[k];
      const y = top + byY * up[k];
      visible += x >= 0 && x <= width && y >= 0 && y <= height ? 1 : 0;
    }
    return visible;
  }

  function drawLayer(width, height, ratio, view) {
    const as = JSON.stringify([width, height, ratio, view, variables.map(colourOf)]);
    if (as === drawnAs) {
      return;
    }
    drawnAs = as;
    // Setting the size empties it.
    [layer.width, layer.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = layer.getContext('2d');
    const scales = scalesOf(width, height, view);
    if (countVisible(scales, width, height) <= MOST_ROUND) {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawRound(context, scales, sizeOf(view.zoom), width, height);
    } else {
      const scaled = Object.fromEntries(Object.entries(scales).map(([name, value]) => [name, value * ratio]));
      drawSquares(context, scaled, sizeOf(view.zoom) * ratio, layer.width, layer.height);
    }
  }

  return {
    /** @param marked points and by how many pixels the ring around each is wider than it */
    draw(context, width, height, view, marked) {
      // Not laid out yet: there is nothing to draw on.
      if (width < 1 || height < 1) {
        return;
      }
      drawLayer(width, height, context.canvas.width / width, view);
      context.drawImage(layer, 0, 0, width, height);
      const { left, byX, top, byY } = scalesOf(width, height, view);
      context.strokeStyle = colourOf('--text');
      context.lineWidth = 2;
      for (const [{ x, y }, radius] of marked) {
        context.beginPath();
        context.arc(left + (byX * (x - bounds.left)) / bounds.width, top + (byY * (y - bounds.low)) / bounds.height, sizeOf(view.zoom) + radius, 0, 2 * Math.PI);
        context.stroke();
      }
    },
    /** @returns the point nearest to a place on the canvas; null where none is near */
    find(placeX, placeY, width, height, view) {
      const { left, byX, top, byY } = scalesOf(width, height, view);
      let [best, least] = [-1, NEAR_PX ** 2];
      for (let k = 0; k < across.length; k++) {
        const x = left + byX * across[k] - placeX;
        const y = top + byY * up[k] - placeY;
        const square = x * x + y * y;
        if (square < least) {
          [best, least] = [k, square];
        }
      }
      return best < 0 ? null : sorted[best];
    },
  };
}
