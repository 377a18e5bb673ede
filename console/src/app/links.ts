/** Where each page is. */
export const to = {
  machines: () => "/",
  machine: (arn: string) => `/machines/${encodeURIComponent(arn)}`,
  executions: (machine?: string) =>
    machine === undefined ? "/executions" : `/executions?machine=${encodeURIComponent(machine)}`,
  execution: (arn: string) => `/executions/${encodeURIComponent(arn)}`,
  mapRun: (arn: string) => `/map-runs/${encodeURIComponent(arn)}`,
  functions: () => "/functions",
  function: (name: string) => `/functions/${encodeURIComponent(name)}`,
  cost: () => "/cost",
  benchmarks: () => "/benchmarks",
};

/** The last part of an ARN: what people call the thing. */
export function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}
