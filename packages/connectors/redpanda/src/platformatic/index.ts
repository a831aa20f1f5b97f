/**
 * The driver on `@platformatic/kafka` 1.35.0, an optional peer: `npm install @platformatic/kafka@1.35.0`.
 *
 * @module
 */
export { platformatic } from "./platformatic-driver.js";
