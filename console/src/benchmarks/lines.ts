import { unique } from "./cells";
import type { Report } from "./report";

/** Figures by load, as a chart of lines has them. */
export interface Lines {
  xs: number[];
  lines: { strategy: string; ys: (number | null)[] }[];
}

function joined(points: [strategy: string, x: number, y: number][]): Lines {
  const xs = unique(points.map(([, x]) => x)).sort((first, second) => first - second);
  const lines = unique(points.map(([strategy]) => strategy)).map((strategy) => {
    const own = new Map(points.filter(([of]) => of === strategy).map(([, x, y]) => [x, y]));
    return { strategy, ys: xs.map((x) => own.get(x) ?? null) };
  });
  return { xs, lines };
}

/** Dollars per million requests by requests a second. */
export function costByLoad(report: Report, workload: string): Lines {
  const own = report.profiles.filter((each) => each.workload === workload);
  return joined(
    own.flatMap(({ strategy, curve }) =>
      curve.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [strategy, x, y] as [string, number, number]),
    ),
  );
}

/** What was done and not lost in a second by clients on one key, as a multiple of the fewest clients'. */
export function goodputByClients(report: Report, workload: string): Lines {
  const own = report.rungs.filter((each) => each.workload === workload && each.seconds > 0);
  return joined(
    unique(own.map((each) => each.strategy)).flatMap((strategy) => {
      const rungs = own
        .filter((each) => each.strategy === strategy)
        .sort((first, second) => first.clients - second.clients)
        .map((each) => ({ clients: each.clients, rate: (each.done - each.lost) / each.seconds }));
      const first = rungs[0]?.rate ?? 0;
      if (first <= 0) return [];
      return rungs.map(({ clients, rate }) => [strategy, clients, rate / first] as [string, number, number]);
    }),
  );
}
