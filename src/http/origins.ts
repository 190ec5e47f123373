/** Where a request's page comes from, by what its browser says. */

/**
 * Whether a page of this origin is one of this server's own.
 *
 * @param origin the header `Origin`
 * @param host the header `Host`, which counts where no PUBLIC_URL is known: a proxy may have taken the https away, so the scheme is not compared then
 */
export function isOwnOrigin(origin: string, host: string | undefined, publicUrl: string | null): boolean {
  if (publicUrl !== null) {
    return origin === new URL(publicUrl).origin;
  }
  if (host === undefined || !URL.canParse(origin)) {
    return false;
  }
  const page = new URL(origin);
  // The host goes the same way: a proxy may name a port that a browser leaves out.
  const asked = `${page.protocol}//${host}`;
  return /^https?:$/.test(page.protocol) && URL.canParse(asked) && new URL(asked).host === page.host;
}
