import { expect, it } from "vitest";
import { channelOptions } from "./dgraph-connection.js";

it("a channel takes large answers, does not repeat by itself, is soon there again, and pings no more often than Go servers bear", () => {
  const options = channelOptions({ url: "127.0.0.1:9080" });
  expect(options).toMatchObject({
    "grpc.max_receive_message_length": 64 * 1_024 * 1_024,
    "grpc.enable_retries": 0,
    "grpc.max_reconnect_backoff_ms": 2_000,
  });
  expect(options["grpc.keepalive_time_ms"]).toBeGreaterThanOrEqual(300_000);
  expect(options["grpc.keepalive_permit_without_calls"] ?? 0).toBe(0);
  const given = { url: "127.0.0.1:9080", maxAnswerBytes: 9, channelOptions: { "grpc.keepalive_time_ms": 600_000 } };
  expect(channelOptions(given)).toMatchObject({
    "grpc.max_receive_message_length": 9,
    "grpc.keepalive_time_ms": 600_000,
  });
});
