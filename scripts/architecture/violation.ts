/** One broken rule, said so that the reader knows where to go and what to do. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

export function formatViolation({ file, line, rule, message }: Violation): string {
  return `${file}:${line}  [${rule}] ${message}`;
}
