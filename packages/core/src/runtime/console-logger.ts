import type { Logger } from "../connector.js";

/** The default logger: warnings and errors to stderr, nothing else. */
export const warningsToConsole: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => console.warn(`millrace: ${message}`, fields ?? ""),
  error: (message, fields) => console.error(`millrace: ${message}`, fields ?? ""),
};
