/** What a browser is told at once, so that it need not find out step by step. */
import { expect, it } from 'vitest';
import { readDashboardFiles } from '../../src/http/dashboard-files.ts';
import { preparePage } from '../../src/http/dashboard-page.ts';

it('joins the stylesheets, and names all that the script imports before it runs', () => {
  const files: Record<string, string> = {
    'style/a.css': 'a{}', 'lib/b.css': 'b{}',
    'main.js': "import { x } from './lib/x.js';\nimport './parts/y.js';\nconst later = () => import('./later.js');\n",
    'lib/x.js': 'export const x = 1;\n', 'parts/y.js': "import { z } from '../z.js';\n", 'z.js': "export { x } from './lib/x.js';\n",
  };
  const html = '<head>\n<link rel="stylesheet" href="dashboard/style/a.css">\n<link rel="stylesheet" href="dashboard/lib/b.css">\n<script type="module" src="dashboard/main.js"></script>\n</head>\n';
  const preload = (path: string) => `<link rel="modulepreload" href="dashboard/${path}">\n`;
  expect(preparePage(html, (path) => files[path])).toEqual({
    styles: 'a{}\nb{}',
    page: `<head>\n<link rel="stylesheet" href="dashboard/style.css">\n${['lib/x.js', 'parts/y.js', 'z.js'].map(preload).join('')}<script type="module" src="dashboard/main.js"></script>\n</head>\n`,
  });
});

it('names files of the dashboard alone', async () => {
  const files = await readDashboardFiles();
  const page = String(files.get('index.html')!.plain);
  const named = [...page.matchAll(/(?:href|src)="dashboard\/([^"]+)"/g)].map(([, path]) => path);
  expect(named.filter((path) => !files.has(path))).toEqual([]);
  expect(named).toEqual(expect.arrayContaining(['style.css', 'main.js', 'lib/preact.js', 'api.js']));
  expect(named.filter((path) => path.startsWith('pages/'))).toEqual([]);
  for (const path of ['style/colours.css', 'style/training.css']) {
    expect(String(files.get('style.css')!.plain)).toContain(String(files.get(path)!.plain));
  }
});
