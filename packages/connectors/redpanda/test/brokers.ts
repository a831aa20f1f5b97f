import { type DriverFactory, kafkajs } from "../src/index.js";
import { platformatic } from "../src/platformatic/index.js";

/** Every driver passes the same suites. */
export const drivers: Readonly<Record<string, DriverFactory>> = { kafkajs: kafkajs(), platformatic: platformatic() };

/** For programs, which are told by name. */
export function driverNamed(name: string): DriverFactory {
  const driver = drivers[name];
  if (driver === undefined) throw new Error(`there is no driver "${name}"`);
  return driver;
}

/** The brokers that the testbed has started. */
export function testBrokers(): string[] {
  return (process.env.KAFKA_BROKERS ?? "").split(",").filter((broker) => broker !== "");
}

let made = 0;

/** A name that no other test, process or earlier run has. */
export function freshName(what: string): string {
  made++;
  return `millrace-test.${what}.${process.pid}.${Date.now().toString(36)}.${made}`;
}
