import { type CallOptions, InterceptingCall, type Interceptor, status } from "@grpc/grpc-js";

/** What goes with each call: a deadline, since gRPC has none, and an end when `signal` ends. gRPC's deadlines are of the computer's own clock. */
export function callOptions(timeoutMs: number, signal: AbortSignal | undefined): CallOptions {
  const deadline = Date.now() + timeoutMs;
  return signal === undefined ? { deadline } : { deadline, interceptors: [endingWith(signal)] };
}

function endingWith(signal: AbortSignal): Interceptor {
  return (options, next) => {
    const end = (): void => call.cancelWithStatus(status.CANCELLED, "the run was aborted");
    const call = new InterceptingCall(next(options), {
      start: (metadata, _listener, start) => {
        signal.addEventListener("abort", end, { once: true });
        start(metadata, {
          onReceiveStatus: (outcome, forward) => {
            signal.removeEventListener("abort", end);
            forward(outcome);
          },
        });
      },
    });
    return call;
  };
}
