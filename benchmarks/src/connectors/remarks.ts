/** What must be known to read a workload's numbers: where time goes that we have not saved, by profile (`--cpu-prof`). */
export const REMARKS: Readonly<Record<string, string>> = {
  "redpanda-source": [
    "Ours uses kafkajs's connections and groups, and reads the messages out of its answers by itself. In the loop kafkajs does that: a quarter of its CPU time by profile, and most of the third that the",
    "garbage collector takes, since all messages of an answer are made at once and outlive the young generation. In ours an answer stays bytes until a message is taken, which is 8 % of its CPU time; the",
    "user's `decode` is 26 %. Ours has beyond the loop: joining the group, asking for offsets and leaving, 35 ms a run by a run of 2,000 values where the loop has 12; a copy of key and value, so",
    "that a value which is kept does not keep an answer of up to 10 MB; an offset and a time for each value.",
  ].join("\n"),
  "redpanda-sink": [
    "Ours uses kafkajs's connections, and writes the messages of a partition into its request in one piece. In the loop kafkajs does that: it takes 512 bytes and several objects for each message, and",
    "makes the list of a partition anew for each message in it. Ours is mostly the user's `encode`, text to bytes, and the checksum.",
  ].join("\n"),
  "influx-source": [
    "The loop knows which columns there are, that no value has a quote in it, and keeps no order among rows of one time. Ours reads annotated CSV with its types, quotes and errors, and gives each",
    "row an offset that is the same at each reading.",
  ].join("\n"),
  "influx-sink": [
    "The loop is one template for values that are known to need no escaping. Ours takes a point of any names and values and checks each; the client's own `Point` does that too. Both",
    "loop and ours keep points of one millisecond apart by nanoseconds.",
  ].join("\n"),
  "influx-sink-plain":
    "As above, without the compression, which takes the same time in both and so hides the difference. What is left is objects: a point with its tags and fields for each value.",
  "scylla-source":
    "Ours reads the token of each row as well, to resume in the middle of a partition, and gives plain JavaScript instead of the driver's classes, in an object that is the user's; each row has an offset of its key.",
  "scylla-sink": [
    "Every row is written with a time of its own (`USING TIMESTAMP ?`), so that of two writes of one row in a batch the later one wins: one value more a row for",
    'the driver, which makes two buffers for each. The loop leaves that to chance. Cells are checked, since the driver writes 1 for 1.5 and true for "false".',
  ].join("\n"),
  "dgraph-sink":
    "dgraph-js makes JSON of each answer again and parses it twice; ours calls its stub and reads the answer's bytes.",
  "dgraph-source":
    "dgraph-js makes JSON of each answer again and parses it twice; ours calls its stub and reads the answer's bytes.",
  "mongo-sink":
    "SecantusDB takes a millisecond or more for an upsert, so there are few values, and connecting is a part of the CPU time.",
};
