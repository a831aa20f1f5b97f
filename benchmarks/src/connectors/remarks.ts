/** What must be known to read a workload's numbers: where time goes that we have not saved, by profile (`--cpu-prof`). */
export const REMARKS: Readonly<Record<string, string>> = {
  "redpanda-source": [
    "Ours uses kafkajs's connections and groups, and reads the messages out of its answers by itself. In the loop kafkajs does that: a quarter of its CPU time by profile, and most of the third that the",
    "garbage collector takes, since all messages of an answer are made at once and outlive the young generation. In ours an answer stays bytes until a message is taken, which is 8 % of its CPU time; the",
    "user's `decode` is 26 %. Ours has beyond the loop: joining the group, asking for offsets and leaving, 35 ms a run by a run of 2,000 values where the loop has 12; a copy of key and value, so",
    "that a value which is kept does not keep an answer of up to 10 MB; an offset and a time for each value.",
  ].join("\n"),
  "redpanda-sink":
    "Most of the CPU time of both is what kafkajs does with a message: it takes 512 bytes and several objects for each, and makes the list of a partition anew for each message in it.",
  "influx-source": [
    "The loop knows which columns there are, that no value has a quote in it, and keeps no order among rows of one time. Ours reads annotated CSV with its types, quotes and errors, makes",
    "an object of every column for the user's `decode`, and holds a page until it knows where its last time ends; offsets are made only where they are read, here nowhere.",
  ].join("\n"),
  "influx-sink": [
    "The loop is one template for values that are known to need no escaping. Ours takes a point of any names and values and checks each; the client's own `Point` does that too. Both",
    "loop and ours keep points of one millisecond apart by nanoseconds. Ours joins lines 64 at a time: the loop's wait, in pieces, for the end of the batch, where the collector has to move them.",
  ].join("\n"),
  "influx-sink-plain":
    "As above, without the compression, which takes the same time in both and so hides the difference. What is left is a check of each tag and string, and objects: a point with its tags and fields for each value.",
  "scylla-source": [
    "The driver reads one column more: the token of each row, to resume in the middle of a partition. Each row is copied into a plain object that is the user's, 8 % of the CPU time; offsets",
    "are made only where they are read, here nowhere. What is left is mostly the collector's: 24 % of our time, 3 % of the loop's. The loop forgets a row at once; ours holds the pages of all",
    "splits that came in one turn of the event loop until the turn is over, so they are moved.",
  ].join("\n"),
  "scylla-sink": [
    "The bytes of common cells are the driver's to make, as in the loop: made beforehand for the whole batch, the collector had to move them. A row has the time of its request, and one of its own",
    "(`USING TIMESTAMP ?`) only where its batch writes its cells twice, so that the later write wins; the loop leaves that to chance. Ours sends batches of one statement that",
    "come often as one prepared statement, `BEGIN UNLOGGED BATCH …`, with all the values: a third less of the driver's time, which waits, allocates and sends an id for each statement of a batch. That",
    'pays for what the loop does not do: a check of each cell, since the driver writes 1 for 1.5 and true for "false", the size of each row, and whether it was in the batch before.',
  ].join("\n"),
  "dgraph-sink":
    "dgraph-js makes JSON of each answer again and parses it twice; ours calls its stub and reads the answer's bytes.",
  "dgraph-source":
    "dgraph-js makes JSON of each answer again and parses it twice; ours calls its stub and reads the answer's bytes.",
  "mongo-sink":
    "SecantusDB takes a millisecond or more for an upsert, so there are few values: connecting, and code that is not compiled yet, are a part of the CPU time of all.",
};
