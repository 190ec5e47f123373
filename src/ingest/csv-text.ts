/** CSV as it is written. */

/** One record, fields quoted where they must be. */
export function joinRecord(fields: readonly (string | number | boolean | null)[], delimiter = ','): string {
  return fields.map((field) => quote(field === null ? '' : String(field), delimiter)).join(delimiter);
}

function quote(text: string, delimiter: string): string {
  return text.includes('"') || text.includes(delimiter) || text.includes('\n') || text.includes('\r') ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Text that a spreadsheet would take for a formula gets an apostrophe before it: an id or title that somebody else chose must not run on the desk of whoever opens the file (OWASP, "CSV injection").
 * Numbers stay numbers.
 */
export function guardFormula(text: string): string {
  return /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(text) ? `'${text}` : text;
}
