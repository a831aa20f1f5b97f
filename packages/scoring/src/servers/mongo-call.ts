import { classifyMongoError } from "@millrace/mongo";

/**
 * The call's result, or its failure in the engine's classes. A write that broke off may have been done: repeating it is safe, because all
 * writes of scoring compare a version or set what is set already.
 */
export async function calling<T>(call: "read" | "write", work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw classifyMongoError(error, call);
  }
}
