/** Times and durations as people read them. The server's times are epoch seconds. */

const CLOCK = new Intl.DateTimeFormat(undefined, {
  year: "numeric",
  month: "short",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export function clock(seconds: number): string {
  return CLOCK.format(seconds * 1000);
}

const TIME_OF_DAY = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hour12: false });
const DAY = new Intl.DateTimeFormat(undefined, { month: "short", day: "2-digit" });

/** A time of today without its date, an earlier one without its year: for lists, where most are of today. */
export function briefClock(seconds: number, now = Date.now() / 1000): string {
  const time = TIME_OF_DAY.format(seconds * 1000);
  const day = DAY.format(seconds * 1000);
  return day === DAY.format(now * 1000) ? time : `${day}, ${time}`;
}

/** The exact time, for a title: with milliseconds and zone. */
export function exact(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}

export function duration(seconds: number): string {
  if (seconds < 0) return "0 ms";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  if (minutes < 60) return `${minutes} min ${rest} s`;
  const [hours, left] = [Math.floor(minutes / 60), minutes % 60];
  return hours < 48 ? `${hours} h ${left} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  return count < 1024 ** 2 ? `${(count / 1024).toFixed(1)} KiB` : `${(count / 1024 ** 2).toFixed(1)} MiB`;
}
