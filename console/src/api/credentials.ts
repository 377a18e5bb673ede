/** The key that this tab signs with. It is kept for the tab alone, and only where the server asks for signatures. */
export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

const NAME = "stepwell.credentials";

export const REGION = "us-east-1";

export function readCredentials(): Credentials | null {
  const stored = sessionStorage.getItem(NAME);
  return stored === null ? null : (JSON.parse(stored) as Credentials);
}

export function keepCredentials(credentials: Credentials | null): void {
  if (credentials === null) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, JSON.stringify(credentials));
}
