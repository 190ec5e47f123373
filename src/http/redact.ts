/** Keys, secrets, tokens and sessions that somebody put where they do not belong, a URL above all: cut to what tells which kind it was. */
const SECRETS = /\b((?:pk|sk|ak|ts|ds)_)[\w-]{8,}|\b(eyJ)[\w-]{8,}(?:\.[\w-]*)*/g;

export function redactKeys(text: string): string {
  return text.replace(SECRETS, '$1$2…');
}
