export type MessageHeaders = Readonly<Record<string, Uint8Array>>;

export const NO_HEADERS: MessageHeaders = Object.freeze({});

/** Sets a header, also one called `__proto__`, which an assignment would not set. */
export function putHeader(headers: Record<string, Uint8Array>, name: string, value: Uint8Array): void {
  if (name === "__proto__")
    Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
  else headers[name] = value;
}
