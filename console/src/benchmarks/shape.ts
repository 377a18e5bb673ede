/** Reads what a file may hold as what it should hold: everything is checked, and nothing is too much. */

/** A file is no report; the text says where it differs. */
export class Unreadable extends Error {
  override name = "Unreadable";
}

/** Takes a value of a JSON document for what it should be. Raises `Unreadable` with the place. */
export type Read<T> = (value: unknown, place: string) => T;

const TEXT_MAX = 5_000;

function wrong(place: string, wanted: string): Unreadable {
  return new Unreadable(`${place} is not ${wanted}`);
}

/** Longer texts are cut: no page is made of a single word. */
export const text: Read<string> = (value, place) => {
  if (typeof value !== "string") throw wrong(place, "a text");
  return value.slice(0, TEXT_MAX);
};

export const number: Read<number> = (value, place) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(place, "a number");
  return value;
};

export const flag: Read<boolean> = (value, place) => {
  if (typeof value !== "boolean") throw wrong(place, "true or false");
  return value;
};

/** Whatever it is, as its JSON text. */
export const json: Read<string> = (value) => (JSON.stringify(value) ?? "null").slice(0, TEXT_MAX);

export function orNull<T>(read: Read<T>): Read<T | null> {
  return (value, place) => (value === null || value === undefined ? null : read(value, place));
}

/** A member that may be missing. */
export function optional<T>(read: Read<T>, fallback: T): Read<T> {
  return (value, place) => (value === undefined ? fallback : read(value, place));
}

export function list<T>(read: Read<T>, most: number): Read<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) throw wrong(place, "a list");
    if (value.length > most)
      throw new Unreadable(`${place} has more than ${most.toLocaleString("en-US")} entries`);
    return value.map((each, index) => read(each, `${place}[${index}]`));
  };
}

/** Two of a kind. */
export function pair<T>(read: Read<T>): Read<[T, T]> {
  return (value, place) => {
    const [first, second, ...more] = list(read, 2)(value, place);
    if (first === undefined || second === undefined || more.length > 0) throw wrong(place, "a pair");
    return [first, second];
  };
}

/** Members of any name, as a map: no name of a file's is a property of ours. */
export function members<T>(read: Read<T>, most: number): Read<Map<string, T>> {
  return (value, place) => {
    const entries = Object.entries(plain(value, place));
    if (entries.length > most) throw new Unreadable(`${place} has more than ${most} members`);
    return new Map(entries.map(([name, each]) => [name.slice(0, TEXT_MAX), read(each, `${place}.${name}`)]));
  };
}

export function object<Shape extends Record<string, Read<unknown>>>(
  shape: Shape,
): Read<{ [Name in keyof Shape]: ReturnType<Shape[Name]> }> {
  return (value, place) => {
    const found = plain(value, place);
    const entries = Object.entries(shape).map(([name, read]) => [
      name,
      read(Object.hasOwn(found, name) ? found[name] : undefined, `${place}.${name}`),
    ]);
    return Object.fromEntries(entries);
  };
}

function plain(value: unknown, place: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(place, "an object");
  return value as Record<string, unknown>;
}
