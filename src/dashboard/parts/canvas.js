/** A place to draw in: a canvas as wide as its room, in the screen's own pixels, drawn anew when room or colour scheme change. */
import { html, useEffect, useRef } from '../lib/preact.js';

/** @returns {string} a colour of the scheme in use, by its custom property */
export const colourOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @param {{ draw: (context: CanvasRenderingContext2D, width: number, height: number) => void, drawn: any[], ratio?: number, most?: number, label: string }} props
 *   `draw`: in CSS pixels, on an empty canvas; `drawn`: what it draws, for when to draw anew; `ratio`: height by width; `most`: CSS pixels of height; more attributes go to the canvas
 */
export function Canvas({ draw, drawn, ratio = 0.7, most = 620, label, ...more }) {
  const canvas = useRef(null);
  const paint = useRef(draw);
  paint.current = draw;
  const repaint = () => {
    const { current: place } = canvas;
    const width = place.parentElement.clientWidth;
    const height = Math.round(Math.min(most, width * ratio));
    const scale = devicePixelRatio || 1;
    if (place.width !== Math.round(width * scale) || place.height !== Math.round(height * scale)) {
      [place.width, place.height] = [Math.round(width * scale), Math.round(height * scale)];
      [place.style.width, place.style.height] = [`${width}px`, `${height}px`];
    }
    const context = place.getContext('2d');
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    paint.current(context, width, height);
  };
  useEffect(() => {
    const observer = new ResizeObserver(repaint);
    observer.observe(canvas.current.parentElement);
    const media = matchMedia('(prefers-color-scheme: dark)');
    media.addEventListener('change', repaint);
    return () => {
      observer.disconnect();
      media.removeEventListener('change', repaint);
    };
  }, []);
  useEffect(repaint, drawn);
  return html`<div class="canvas-place"><canvas ref=${canvas} role="img" aria-label=${label} ...${more}></canvas></div>`;
}
