import { useSyncExternalStore } from "react";

/** State that changes by itself. Components look at it by `useObserved`. */
export class Observable<State> {
  private readonly listeners = new Set<() => void>();

  constructor(private current: State) {}

  readonly state = (): State => this.current;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  protected set(changes: Partial<State>): void {
    this.current = { ...this.current, ...changes };
    for (const listener of this.listeners) listener();
  }
}

export function useObserved<State>(observable: Observable<State>): State {
  return useSyncExternalStore(observable.subscribe, observable.state);
}
