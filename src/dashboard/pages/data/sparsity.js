/** The matrix of shoppers and items from far away: which pairs there are. */
import { html } from '../../lib/preact.js';
import { useAnswer } from '../../answers.js';
import { Canvas, colourOf } from '../../parts/canvas.js';
import { Panel } from '../../parts/panel.js';
import { Answered } from '../../parts/states.js';
import { number, percent } from '../../words.js';

/** Densities span decades: shades go by the logarithm, from a ten-thousandth to all. */
const DECADES = 4;
const shadeOf = (density) => (density <= 0 ? 0 : Math.max(0.06, Math.min(1, 1 + Math.log10(density) / DECADES)));

function drawMatrix(context, width, height, { userBins, itemBins, cells }) {
  const [columns, rows] = [itemBins.length, userBins.length];
  context.fillStyle = colourOf('--raised');
  context.fillRect(0, 0, width, height);
  context.fillStyle = colourOf('--accent');
  for (let r = 0; r < rows; r++) {
    const [top, bottom] = [Math.round((r * height) / rows), Math.round(((r + 1) * height) / rows)];
    for (let c = 0; c < columns; c++) {
      const shade = shadeOf(cells[r * columns + c] / (userBins[r] * itemBins[c]));
      if (shade > 0) {
        const [left, right] = [Math.round((c * width) / columns), Math.round(((c + 1) * width) / columns)];
        context.globalAlpha = shade;
        context.fillRect(left, top, right - left, bottom - top);
      }
    }
  }
  context.globalAlpha = 1;
}

export function Sparsity() {
  const answer = useAnswer('v1/insights/sparsity');
  return html`<${Panel} title="How full the matrix is" says="A row for each shopper, a column for each item, the busiest first; darker where more of them have met. What is empty is what the model fills in.">
    <${Answered} of=${answer} what="Counting">${(matrix) => {
      const { users, items, pairs, density, userBins, itemBins, cells } = matrix;
      const says = `${number(pairs)} of ${number(users * items)} pairs have met: ${percent(density)}, ${number(pairs / users)} items a shopper.`;
      const corner = cells[0] / (userBins[0] * itemBins[0]);
      return html`<figure class="chart" aria-label="Density of the matrix"><figcaption class="muted">${says}</figcaption>
        <div class="axis-name">items, the most met first →</div>
        <${Canvas} label=${`${says} Of the busiest shoppers and the items most met, ${percent(corner)} have.`} draw=${(context, width, height) => drawMatrix(context, width, height, matrix)} drawn=${[matrix]} ratio=${0.8} most=${420} />
        <div class="axis-name">↓ shoppers, the busiest first: ${number(userBins[0])} a row and ${number(itemBins[0])} items a column</div>
        <ul class="legend" aria-hidden="true">${[0.0001, 0.001, 0.01, 0.1, 1].map((one) => html`<li><span class="shade" style=${{ opacity: shadeOf(one) }}></span>${percent(one)}</li>`)}</ul>
      </figure>`;
    }}<//>
  <//>`;
}
