/** Which page is shown, and with which parameters: `#/try?user=user-1`. A link or the browser's way back is all it takes to get there. */
import { useEffect, useState } from './lib/preact.js';

/** @returns {{ path: string, parameters: Record<string, string> }} as the address says now */
export function readRoute() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path === '' ? 'home' : path, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

/** @returns {string} the address of a page, for a link's `href` */
export function hrefOf(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== undefined && value !== null && value !== '')).toString();
  return `#/${path}${query === '' ? '' : `?${query}`}`;
}

/** @param {boolean} replaces whether the browser's way back leads past what is shown now */
export function go(path, parameters = {}, replaces = false) {
  const href = hrefOf(path, parameters);
  if (replaces) {
    history.replaceState(null, '', href);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = href;
  }
}

export function useRoute() {
  const [route, setRoute] = useState(readRoute);
  useEffect(() => {
    const onChange = () => setRoute(readRoute());
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return route;
}
