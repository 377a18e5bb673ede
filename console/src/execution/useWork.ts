import { useMutation } from "@tanstack/react-query";

/** Something that changes an execution, once at a time; what it has changed is read at once. */
export function useWork<Given = void>(work: (given: Given) => Promise<void>, done: () => void) {
  return useMutation({ mutationFn: work, onSuccess: done });
}
