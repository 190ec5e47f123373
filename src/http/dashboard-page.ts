/**
 * The dashboard's page as it is sent: index.html with what a browser would find out late said at once. Its stylesheets go over as one file, since nothing is painted before the last of them has come; and the modules that
 * its script imports are asked for with it rather than one after another.
 */
import { posix } from 'node:path';

const STYLESHEET = /<link rel="stylesheet" href="dashboard\/([^"]+)">\n/g;
const SCRIPT = /<script type="module" src="dashboard\/([^"]+)"><\/script>\n/;
const IMPORT = /^(?:import|export)\b[^'"\n]*'(\.{1,2}\/[^']+)';$/gm;

export const JOINED_STYLES = 'style.css';

/** All that a module imports before it runs, and what that imports; in the order in which it is found. */
function importsOf(path: string, textOf: (path: string) => string, found = new Set<string>()): Set<string> {
  for (const [, relative] of textOf(path).matchAll(IMPORT)) {
    const imported = posix.join(posix.dirname(path), relative);
    if (!found.has(imported)) {
      importsOf(imported, textOf, found.add(imported));
    }
  }
  return found;
}

/**
 * @param html with its stylesheets in a row, and one script
 * @param textOf a file below `dashboard/`
 * @returns the page, and its stylesheets as one, in their order
 */
export function preparePage(html: string, textOf: (path: string) => string): { readonly page: string; readonly styles: string } {
  const stylesheets = [...html.matchAll(STYLESHEET)];
  const styles = stylesheets.map(([, path]) => textOf(path)).join('\n');
  const page = html
    .replace(stylesheets[0][0], `<link rel="stylesheet" href="dashboard/${JOINED_STYLES}">\n`)
    .replaceAll(STYLESHEET, (link, path: string) => (path === JOINED_STYLES ? link : ''))
    .replace(SCRIPT, (script, path: string) => [...importsOf(path, textOf)].map((imported) => `<link rel="modulepreload" href="dashboard/${imported}">\n`).join('') + script);
  return { page, styles };
}
