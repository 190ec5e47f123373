/** A table that can be scrolled sideways where there is no room for it, and then by keyboard too. */
import { html } from '../lib/preact.js';

/**
 * @param {{ name: string, columns: { title: any, cell: (row: any, index: number) => any, isNumber?: boolean, isHead?: boolean, label?: string }[], rows: any[], keyOf?: (row: any, index: number) => any, classOf?: (row: any) => string }} props
 *   `name`: what the table is of, for screen readers; `isNumber`: to the right; `isHead`: the cell names its row; `label`: of a column whose title is empty
 */
export function Table({ name, columns, rows, keyOf = (_row, index) => index, classOf = () => '' }) {
  const classOfColumn = ({ isNumber }) => (isNumber ? 'number' : '');
  return html`<div class="scrolls" role="region" aria-label=${name} tabindex="0">
    <table class="table">
      <thead><tr>${columns.map((column) => html`<th scope="col" class=${classOfColumn(column)}>${column.title || html`<span class="hidden-label">${column.label}</span>`}</th>`)}</tr></thead>
      <tbody>${rows.map((row, index) => html`<tr key=${keyOf(row, index)} class=${classOf(row)}>${columns.map((column) =>
        column.isHead ? html`<th scope="row" class=${classOfColumn(column)}>${column.cell(row, index)}</th>` : html`<td class=${classOfColumn(column)}>${column.cell(row, index)}</td>`)}</tr>`)}</tbody>
    </table>
  </div>`;
}
